"""The list of Kafka's jars, as it is checked in."""

from deploy.local import jars


def test_every_jar_of_kafka_is_of_one_version() -> None:
    """A resolver may give Kafka a kafka-clients of another version: such a broker does not start, or worse."""
    of_kafka = [jar.name for jar in jars.listed() if jar.name.startswith("kafka")]
    assert len(of_kafka) > 10
    assert [name for name in of_kafka if not name.endswith(f"-{jars.VERSION}.jar")] == []
