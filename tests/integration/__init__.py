"""One part against the real Kafka and PostgreSQL."""
