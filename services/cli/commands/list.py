"""`flows list`: the flows that run, or those of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from services.cli.command import OPERATE, declare
from services.cli.terminal import SHORT, CommandError, show

if TYPE_CHECKING:
    import asyncpg

    from services.tools.deployed.deployment_tables import Deployment, FlowVersion

MOST = 100
FILES = ("flow", "triggers", "version", "file", "mistakes")
RUNNING = ("flow", "triggers", "version", "description")
DEPLOYMENTS = ("deployment", "at", "by", "flows", "changes", "note")
command = declare("list", OPERATE)


@command.default
def list_flows(
    path: Annotated[Path | None, Parameter(name="PATH")] = None,
    *,
    history: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """The flows that are deployed. With a path: those of files, with their mistakes.

    A version is made from the flow's content: the same content has the same version everywhere.

    Parameters
    ----------
    path:
        A folder of flow files, or one file.
    history:
        The deployments instead, newest first: who, when, what changed.
    as_json:
        Print a JSON array.
    """
    if history:
        show(_history(), DEPLOYMENTS, as_json=as_json, empty="Nothing was deployed yet: flows deploy PATH")
    elif path is None:
        show(_running(short=not as_json), RUNNING, as_json=as_json, empty="No flow is deployed: flows deploy PATH")
    else:
        rows = _files(path)
        show(rows, FILES, as_json=as_json, empty="There are no flows.")
        if any(row["mistakes"] for row in rows) and not as_json:
            raise CommandError(f"there are mistakes: flows check {path}")


def _running(*, short: bool) -> list[dict[str, Any]]:
    from services.cli.database import ask  # noqa: PLC0415 - heavy, and only needed here
    from services.flows.load import load_text  # noqa: PLC0415
    from services.tools.deployed import deployment_tables  # noqa: PLC0415

    async def work(connection: asyncpg.Connection) -> list[FlowVersion]:
        return await deployment_tables.versions(connection, (await deployment_tables.current(connection)).flows.items())

    rows = []
    for one in sorted(ask(work), key=lambda one: one.name):
        sources, _ = load_text(one.source, one.name)
        flow = next((source.flow for source in sources if source.name == one.name), None)
        rows.append(
            {
                "flow": one.name,
                "triggers": [word.text for word in flow.triggers] if flow else [],
                "version": one.version[:SHORT] if short else one.version,
                "description": flow.description if flow else "",
            }
        )
    return rows


def _history() -> list[dict[str, Any]]:
    from services.cli.database import ask  # noqa: PLC0415 - heavy, and only needed here
    from services.cli.deployments import difference  # noqa: PLC0415
    from services.tools.deployed import deployment_tables  # noqa: PLC0415

    async def work(connection: asyncpg.Connection) -> list[Deployment]:
        return await deployment_tables.history(connection, MOST + 1)

    found = ask(work)
    before = [*found[1:], deployment_tables.Deployment()]
    return [
        {
            "deployment": one.number,
            "at": f"{one.at:%Y-%m-%d %H:%M:%S} UTC",
            "by": one.by,
            "flows": len(one.flows),
            "changes": str(difference(earlier.flows, one.flows)),
            "note": one.note,
        }
        for one, earlier in zip(found, before, strict=True)
    ][:MOST]


def _files(path: Path) -> list[dict[str, Any]]:
    from services.flows.compile import compile_flow  # noqa: PLC0415
    from services.project.checking import checked  # noqa: PLC0415

    found = checked([path])
    rows: list[dict[str, Any]] = []
    for flow in found.flows:
        wrong = sum(str(fault.file) == str(flow.file) for fault in found.mistakes)
        if wrong:
            rows.append({"file": str(flow.file), "mistakes": wrong})
            continue
        compiled = compile_flow(flow, found.catalogue.tools)
        rows.append(
            {
                "flow": compiled.name,
                "triggers": list(compiled.triggers),
                "version": compiled.version,
                "file": str(flow.file),
                "mistakes": 0,
            }
        )
    if found.mistakes and not any(row["mistakes"] for row in rows):
        raise CommandError("\n".join(map(str, found.mistakes)))
    return rows
