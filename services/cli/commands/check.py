"""`flows check`: find mistakes in flows and sources files before they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from services.cli.command import WRITE, declare
from services.cli.excerpt import excerpt

FEW = 1
command = declare("check", WRITE)


@command.default
def check_paths(
    paths: Annotated[list[Path], Parameter(name="PATH", consume_multiple=True)],
    *,
    connections: Path | None = None,
    output: Annotated[Literal["text", "json"], Parameter(name="--format")] = "text",
) -> int:
    """Find mistakes in flows and sources files: `file:line:col: error[code]: text` and the line. Exit code 1 for any.

    Parameters
    ----------
    paths:
        Flow files, sources files, or folders of them.
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
        print(f"{_many(len(faults), 'mistake')}." if faults else f"No mistakes in {_told(flows, paths)}.")
    return 1 if faults else 0


def _told(flows: list[Any], paths: list[Path]) -> str:
    """`2 flows and 1 sources file`."""
    from services.flows.load import is_sources  # noqa: PLC0415
    from services.project.sources_files import beside  # noqa: PLC0415 - heavy, and only needed here

    files = {path for path in paths if path.is_file() and is_sources(path)} | set(beside(paths))
    parts = [_many(len(flows), "flow")] if flows or not files else []
    return " and ".join([*parts, _many(len(files), "sources file")] if files else parts)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == FEW else f"{count} {what}s"


def checked(paths: list[Path], connections: Path | None) -> tuple[list[Any], list[Any]]:
    """The flows of these paths, and all that is wrong with them and their sources files.

    Raises CommandError for the connections file.
    """
    from services.flows.check import check  # noqa: PLC0415
    from services.flows.flow import triggers_of  # noqa: PLC0415
    from services.flows.load import is_sources, load_paths  # noqa: PLC0415
    from services.project import sources_files  # noqa: PLC0415 - heavy, and only needed here
    from services.project.catalogue import connection_names, with_triggers  # noqa: PLC0415

    sources = [path for path in paths if path.is_file() and is_sources(path)]
    known = sources_files.known(paths, [*sources, *sources_files.beside(paths)])
    flows, faults = load_paths([path for path in paths if path not in sources])
    # A folder of sources files alone is no mistake.
    with_sources = {str(path) for path in paths if sources_files.beside([path])}
    faults = [fault for fault in faults if fault.file not in with_sources]
    names = connection_names(connections) if connections else None
    wrong = check(flows, with_triggers(known.triggers), names)
    # Whether a trigger of a wrong source is right is to be seen when the source is.
    unsure = {
        (each.file, word.place.line, word.place.col)
        for each in flows
        for word in triggers_of(each.flow)
        if known.unsure(word.text)
    }
    wrong = [each for each in wrong if each.code != "trigger_unknown" or (each.file, each.line, each.col) not in unsure]
    return list(flows), sorted([*faults, *known.faults, *wrong])


def fields(fault: Any) -> dict[str, Any]:  # noqa: ANN401 - a Fault; its module is imported late
    """A fault for editors."""
    return {
        "file": str(fault.file),
        "line": fault.line,
        "col": fault.col,
        "code": str(fault.code),
        "text": fault.text,
    }
