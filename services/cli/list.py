"""`flows list`: the flows of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from services.cli.check import checked
from services.cli.terminal import CommandError, show

COLUMNS = ("flow", "triggers", "version", "file", "mistakes")


def command(
    path: Annotated[Path, Parameter(name="PATH")] = Path("flows"),
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """The flows of a folder, with their triggers and versions.

    A version is made from the flow's content: the same content has the same version everywhere.

    Parameters
    ----------
    path:
        A folder of flow files, or one file.
    as_json:
        Print a JSON array.
    """
    from services.cli.catalogue import catalogue  # noqa: PLC0415 - heavy, and only needed here
    from services.flows.compile import compile_flow  # noqa: PLC0415

    flows, faults = checked([path], None)
    tools = catalogue([path]).tools
    rows = []
    for flow in flows:
        wrong = sum(str(fault.file) == str(flow.file) for fault in faults)
        if wrong:
            rows.append({"file": str(flow.file), "mistakes": wrong})
            continue
        compiled = compile_flow(flow, tools)
        rows.append(
            {
                "flow": compiled.name,
                "triggers": list(compiled.triggers),
                "version": compiled.version,
                "file": str(flow.file),
                "mistakes": 0,
            }
        )
    show(rows, COLUMNS, as_json=as_json, empty="There are no flows.")
    if faults and not as_json:
        raise CommandError(f"there are mistakes: flows check {path}")
