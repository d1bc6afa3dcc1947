"""`flows show`: a deployed flow, its text and its versions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from services.cli.command import OPERATE, declare
from services.cli.terminal import SHORT, CommandError

if TYPE_CHECKING:
    from datetime import datetime

    import asyncpg

    from services.tools.deployed.deployment_tables import Deployment, FlowVersion

command = declare("show", OPERATE)


@command.default
def show_flow(
    name: Annotated[str, Parameter(name="FLOW")],
    *,
    version: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """A deployed flow: its text, which version runs, and all versions that ever ran.

    Parameters
    ----------
    name:
        The flow's name.
    version:
        The version to show, or its first characters. Default: the one that runs.
    as_json:
        Print a JSON object.
    """
    from services.cli.database import ask  # noqa: PLC0415 - heavy, and only needed here
    from services.tools.deployed import deployment_tables  # noqa: PLC0415

    async def work(connection: asyncpg.Connection) -> tuple[Deployment, list[tuple[str, datetime]], list[FlowVersion]]:
        current = await deployment_tables.current(connection)
        every = await deployment_tables.versions_of(connection, name)
        wanted = version or current.flows.get(name) or (every[0][0] if every else "")
        found = [one for one, _ in every if one.startswith(wanted)] if wanted else []
        return current, every, await deployment_tables.versions(connection, [(name, one) for one in found])

    current, every, found = ask(work)
    if not every:
        raise CommandError(f"no flow {name!r} was ever deployed. `flows list` shows those that run")
    if len(found) != 1:
        what = "several versions begin" if found else "no version begins"
        raise CommandError(f"{what} with {version!r}: " + ", ".join(one[:SHORT] for one, _ in every))
    (shown,) = found
    runs = current.flows.get(name)
    if as_json:
        versions = [{"version": one, "at": str(at), "runs": one == runs} for one, at in every]
        said = {"flow": name, "version": shown.version, "runs": shown.version == runs, "source": shown.source}
        print(json.dumps({**said, "versions": versions}, ensure_ascii=False, indent=2))
        return
    print(shown.source.rstrip("\n"))
    print()
    for one, at in every:
        marks = [*(["runs"] if one == runs else []), *(["shown above"] if one == shown.version else [])]
        print(f"# version {one[:SHORT]}  {at:%Y-%m-%d %H:%M} UTC  {', '.join(marks)}".rstrip())
    if runs is None:
        print(f"# {name} is withdrawn: no event starts it; runs that have begun go on.")
