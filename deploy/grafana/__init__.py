"""The Grafana dashboard, generated, and what Grafana needs to find it."""
