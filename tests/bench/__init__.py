"""The benchmark: delivered flows a second, with real Kafka, real PostgreSQL and real HTTP. Never a test."""
