"""Kafka and PostgreSQL on one machine: the real parts, started from Python packages with nothing else installed.

`parts` gives both, or what KAFKA_BOOTSTRAP and DATABASE_URL name instead; `embedded_kafka` and `embedded_postgres`
give one each. Whatever is started ends with the process that started it, however that process ends.
"""

from deploy.local.errors import PartError
from deploy.local.kafka import KafkaServer, embedded_kafka
from deploy.local.parts import Parts, parts
from deploy.local.postgres import PostgresServer, embedded_postgres
from deploy.local.progress import Progress, on_stderr, silent

__all__ = [
    "KafkaServer",
    "PartError",
    "Parts",
    "PostgresServer",
    "Progress",
    "embedded_kafka",
    "embedded_postgres",
    "on_stderr",
    "parts",
    "silent",
]
