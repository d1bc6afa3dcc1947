"""`flows check`: find mistakes in flows and sources files before they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from services.cli.command import WRITE, declare
from services.cli.excerpt import excerpt

if TYPE_CHECKING:
    from services.runtime.documents.faults import Fault

FEW = 1
command = declare("check", WRITE)


@command.default
def check_paths(
    paths: Annotated[list[Path] | None, Parameter(name="PATH", consume_multiple=True)] = None,
    *,
    connections: Path | None = None,
    vars_: Annotated[Path | None, Parameter(name="--vars")] = None,
    output: Annotated[Literal["text", "json"], Parameter(name="--format")] = "text",
) -> int:
    """Find mistakes in flows and sources files: `file:line:col: error[code]: text` and the line. Exit code 1 for any.

    A `note[code]` is no mistake: it tells of a call that is at most once only because nobody says more of it.

    Parameters
    ----------
    paths:
        Flow files, sources files, or folders of them. Default: the flows of the project (flows.yaml, else flows/).
    connections:
        A connections file: then the connections that flows name are checked too. Default: the one in flows.yaml. Notes
        go by what it declares, else by the file of FLOWS_CONNECTIONS_FILE or of this project's `flows dev`.
    vars_:
        A file with the values of `vars` of flows.yaml, such as staging.yaml. Default: FLOWS_VAR_… and the file of
        FLOWS_VARS_FILE.
    output:
        text for people, json for editors: an array of {file, line, col, severity, code, text}.
    """
    from services.project.checking import checked  # noqa: PLC0415 - heavy, and only needed here
    from services.project.root import flow_paths, project  # noqa: PLC0415

    found = checked(flow_paths(paths), connections or project().connections, vars_)
    faults = found.mistakes
    told = sorted([*faults, *found.notes])
    if output == "json":
        print(json.dumps([fields(fault) for fault in told], ensure_ascii=False, indent=2))
    else:
        for fault in told:
            print(fault)
            if (shown := excerpt(fault.file, fault.line, fault.col)) is not None:
                print(shown)
        what = _told(len(found.flows), len(found.sources))
        also = f" {_many(len(found.notes), 'note')}." if found.notes else ""
        print((f"{_many(len(faults), 'mistake')}." if faults else f"No mistakes in {what}.") + also)
    return 1 if faults else 0


def _told(flows: int, sources: int) -> str:
    """`2 flows and 1 sources file`."""
    parts = [_many(flows, "flow")] if flows or not sources else []
    return " and ".join([*parts, _many(sources, "sources file")] if sources else parts)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == FEW else f"{count} {what}s"


def fields(fault: Fault) -> dict[str, Any]:
    """A fault for editors."""
    return {
        "file": str(fault.file),
        "line": fault.line,
        "col": fault.col,
        "severity": fault.severity,
        "code": str(fault.code),
        "text": fault.text,
    }
