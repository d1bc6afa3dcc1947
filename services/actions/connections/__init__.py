"""Where calls go and with which credentials: the connections file, what each needs while a worker runs, its tokens."""

from services.actions.connections.connection import Connection, load

__all__ = ["Connection", "load"]
