"""Where calls go and with which credentials: the connections file, what each needs while a worker runs, its tokens."""

from services.actions.connections.connection import Connection, declared_key, load

__all__ = ["Connection", "declared_key", "load"]
