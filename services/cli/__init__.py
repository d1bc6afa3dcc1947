"""The `flows` command."""
