"""services/actions without Kafka and without a network."""
