"""Dead letters for people: find, group, show, redrive, drop. Used by the `flows` command and by the HTTP API."""
