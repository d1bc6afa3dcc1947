"""`flows steps`: a made-up command, such as somebody may want who looks for long flows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from services.cli.command import WRITE, declare
from services.cli.terminal import CommandError, show

COLUMNS = ("flow", "steps")
command = declare("steps", WRITE)


@command.default
def list_steps(
    paths: Annotated[list[Path], Parameter(name="PATH", consume_multiple=True)],
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """How many steps each flow begins with. The longest first.

    Parameters
    ----------
    paths:
        Flow files, or folders of them.
    as_json:
        Print a JSON array.
    """
    from services.flows.load import load_paths  # noqa: PLC0415 - heavy, and only needed here

    flows, mistakes = load_paths(paths)
    if mistakes:
        raise CommandError("\n".join(map(str, mistakes)))
    rows = [{"flow": one.name, "steps": len(one.flow.steps)} for one in flows]
    show(sorted(rows, key=lambda row: -row["steps"]), COLUMNS, as_json=as_json, empty="There are no flows.")
