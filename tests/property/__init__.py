"""Rules over all inputs."""
