"""`flows dev`: the whole product in one terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from services.cli.command import RUN, declare
from services.cli.stack.packages import need_local
from services.cli.terminal import Port

command = declare("dev", RUN)


@command.default
def run_dev(
    path: Annotated[Path | None, Parameter(name="PATH")] = None,
    *,
    port: Port = 8080,
    connections: Path | None = None,
    sources: Path | None = None,
) -> int:
    """Start Kafka, PostgreSQL, the three services and a stand-in Closum, and run the flows of a folder, until Ctrl-C.

    Nothing else needs to be installed; data stays in `.flows/`. KAFKA_BOOTSTRAP or DATABASE_URL, when set, are used
    instead of starting Kafka or PostgreSQL.

    Parameters
    ----------
    path:
        Flow files: a folder or one file. Default: the flows of the project (flows.yaml, else flows/).
    port:
        The port for events; when it is taken, the next free one.
    connections:
        Your connections file, to call real systems. Default: the stand-in as `closum` and `crm`.
    sources:
        Your sources file, and no others. Default: the sources that `flows check` knows, and a hook for each trigger of
        Closum.
    """
    need_local("flows dev")
    from services.cli.commands.dev.develop import develop  # noqa: PLC0415 - needs what only a whole installation has

    return develop(path, port, connections, sources)
