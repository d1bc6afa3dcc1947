"""The roles: ingest, tools, actions; the flow language they share; the `flows` command."""
