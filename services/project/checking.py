"""Flows and the sources files that belong to them, checked together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.flows.catalogue import Catalogue
from services.flows.check import check
from services.flows.flow import triggers_of
from services.flows.load import FlowSource, is_sources, load_paths
from services.flows.repeats import notes
from services.project import sources_files
from services.project.catalogue import with_triggers
from services.project.closum_facts import checked_facts
from services.project.connections_file import declarations, known_declarations
from services.runtime.documents.faults import Fault, FaultCode


@dataclass(frozen=True, slots=True)
class CheckedProject:
    """What some paths hold, and all that is wrong with it. `notes` are no mistakes: what will happen, and why."""

    flows: tuple[FlowSource, ...]
    sources: tuple[Path, ...]
    catalogue: Catalogue
    mistakes: tuple[Fault, ...]
    notes: tuple[Fault, ...] = ()


def checked(paths: Sequence[Path], connections: Path | None = None, vars_file: Path | None = None) -> CheckedProject:
    """The flows and sources files of these paths. With a connections file, the connections that flows name too.

    A file is checked as it is in its folder: with the sources files and the other flows beside it, whose own mistakes
    are not told.

    Raises ProjectError for the connections file.
    """
    named = [path for path in paths if path.is_file() and is_sources(path)]
    sources = list(dict.fromkeys([*named, *sources_files.beside(paths)]))
    known = sources_files.known(paths, sources)
    flows, form = load_paths([path for path in paths if path not in named], vars_file)
    # A folder of sources files alone is no mistake.
    with_sources = {str(path) for path in paths if path.is_dir() and sources_files.beside([path])}
    form = [fault for fault in form if fault.file not in with_sources]
    declared = declarations(connections) if connections else None
    corrections, of_facts = checked_facts()
    catalogue = with_triggers(known.triggers, corrections)
    named_flows = {Path(each.file).resolve() for each in flows}
    others = [each for each in _others(paths) if Path(each.file).resolve() not in named_flows]
    wrong = _brought_about(flows, others, catalogue, declared)
    # Whether a trigger of a wrong source is right is to be seen when the source is.
    unsure = {
        (each.file, word.location.line, word.location.col)
        for each in flows
        for word in triggers_of(each.flow)
        if known.unsure(word.text)
    }
    wrong = [
        each
        for each in wrong
        if each.code is not FaultCode.TRIGGER_UNKNOWN or (each.file, each.line, each.col) not in unsure
    ]
    mistakes = tuple(sorted([*of_facts, *form, *known.faults, *wrong]))
    told = notes(flows, catalogue, known_declarations() if declared is None else declared)
    return CheckedProject(tuple(flows), tuple(sources), catalogue, mistakes, tuple(told))


def _others(paths: Sequence[Path]) -> list[FlowSource]:
    """The flows beside the files that are named."""
    files = [file for path in paths for file in sources_files.siblings(path) if not is_sources(file)]
    return load_paths(list(dict.fromkeys(files)))[0]


def _brought_about(
    flows: Sequence[FlowSource],
    others: Sequence[FlowSource],
    catalogue: Catalogue,
    connections: Collection[str] | None,
) -> list[Fault]:
    """What is wrong with these flows, and with the others only because of them: a circle, a name that stands twice."""
    if not others:
        return check(flows, catalogue, connections)
    already = set(check(others, catalogue, connections))
    return [fault for fault in check([*others, *flows], catalogue, connections) if fault not in already]
