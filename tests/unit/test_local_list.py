"""The list of Kafka's jars, as it is checked in."""

from deploy.local import kafka_jars


def test_every_jar_of_kafka_is_of_one_version() -> None:
    """A resolver may give Kafka a kafka-clients of another version: such a broker does not start, or worse."""
    of_kafka = [jar.name for jar in kafka_jars.listed() if jar.name.startswith("kafka")]
    assert len(of_kafka) > 10
    assert [name for name in of_kafka if not name.endswith(f"-{kafka_jars.VERSION}.jar")] == []
