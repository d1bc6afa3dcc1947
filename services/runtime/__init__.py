"""Mechanics without vocabulary: Kafka, PostgreSQL, HTTP, settings, logs, metrics, health, life cycle."""
