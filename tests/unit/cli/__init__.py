"""The `flows` command, without servers."""
