"""Embedded Kafka and PostgreSQL: what they promise while they run."""

import subprocess

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import KafkaServer, PostgresServer


async def test_a_record_survives_the_sudden_end_of_kafka(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """What Kafka acknowledged is there after SIGKILL and a start on the same port."""
    topic = f"{topic_prefix}kept"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, b"kept")
    port = kafka_server.port
    kafka_server.kill()
    assert not kafka_server.running()
    kafka_server.start()
    assert kafka_server.port == port
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka_server.bootstrap, auto_offset_reset="earliest")
    async with consumer:
        assert (await consumer.getone()).value == b"kept"


def test_its_java_starts_with_the_file_of_classes(kafka_server: KafkaServer) -> None:
    """It is there, and fits: told that it may not start without (AOTMode), Java starts."""
    spec = kafka_server._java("java", ("-version",))
    assert any(part.startswith("-XX:AOTCache=") for part in spec.command)
    java, *options = spec.command
    done = subprocess.run(
        [java, "-XX:AOTMode=on", *options], cwd=spec.directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


async def test_a_row_survives_the_sudden_end_of_postgres(postgres_server: PostgresServer) -> None:
    """What PostgreSQL committed is there after SIGKILL and a start on the same port."""
    port = postgres_server.port
    connection = await asyncpg.connect(postgres_server.url)
    await connection.execute("create table kept (value text)")
    await connection.execute("insert into kept values ('ação 🚀')")
    postgres_server.kill()
    postgres_server.start()
    assert postgres_server.port == port
    connection = await asyncpg.connect(postgres_server.url)
    assert await connection.fetchval("select value from kept") == "ação 🚀"
    await connection.execute("drop table kept")
    await connection.close()


async def test_each_session_has_an_empty_database(database_url: str) -> None:
    """Tests begin with nothing, whatever stood in the server before."""
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("show server_encoding") == "UTF8"
    assert await connection.fetchval("select current_database()") != "flows"
    await connection.close()
