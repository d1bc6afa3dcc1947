"""`flows check`: find mistakes in flow files before they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from services.cli.excerpt import excerpt

FEW = 1


def command(
    paths: Annotated[list[Path], Parameter(name="PATH", consume_multiple=True)],
    *,
    connections: Path | None = None,
    output: Annotated[Literal["text", "json"], Parameter(name="--format")] = "text",
) -> int:
    """Find mistakes in flow files: `file:line:col: error[code]: text`, each with its line. Exit code 1 for any.

    Parameters
    ----------
    paths:
        Flow files, or folders of them.
    connections:
        A connections file: then the connections that flows name are checked too.
    output:
        text for people, json for editors: an array of {file, line, col, code, text}.
    """
    flows, faults = checked(paths, connections)
    if output == "json":
        print(json.dumps([fields(fault) for fault in faults], ensure_ascii=False, indent=2))
    else:
        for fault in faults:
            print(fault)
            if (shown := excerpt(fault.file, fault.line, fault.col)) is not None:
                print(shown)
        count = len(faults)
        print(f"{count} mistake{'s' if count > FEW else ''}." if faults else f"No mistakes in {_flows(len(flows))}.")
    return 1 if faults else 0


def _flows(count: int) -> str:
    return f"{count} flow" if count == FEW else f"{count} flows"


def checked(paths: list[Path], connections: Path | None) -> tuple[list[Any], list[Any]]:
    """The flows of these paths and all that is wrong with them. Raises CommandError for the connections file."""
    from services.cli.catalogue import catalogue, connection_names  # noqa: PLC0415 - heavy, and only needed here
    from services.flows.check import check  # noqa: PLC0415
    from services.flows.load import load_paths  # noqa: PLC0415

    flows, faults = load_paths(paths)
    names = connection_names(connections) if connections else None
    return list(flows), sorted([*faults, *check(flows, catalogue(paths), names)])


def fields(fault: Any) -> dict[str, Any]:  # noqa: ANN401 - a Fault; its module is imported late
    """A fault for editors."""
    return {
        "file": str(fault.file),
        "line": fault.line,
        "col": fault.col,
        "code": str(fault.code),
        "text": fault.text,
    }
