"""Sources files: which ones belong to flows, and what stands in them. docs/sources.md has their form."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.triggers.payload import Payload
from contracts.triggers.registry import TRIGGERS
from services.flows.load import SUFFIXES, is_sources, yaml_files, yaml_files_in
from services.ingest.sources import document
from services.ingest.sources.document import SourcesError
from services.ingest.sources.hook import Hook
from services.ingest.sources.load import KINDS, declarations, load
from services.project import local
from services.project.errors import ProjectError
from services.project.root import project
from services.runtime.documents.faults import Fault

__all__ = [
    "Hook",
    "KnownTriggers",
    "beside",
    "declared",
    "each_file",
    "files",
    "hooks",
    "known",
    "names",
    "triggers",
    "variables",
]

ENV = re.compile(r"\benv:\s*([A-Za-z_]\w*)")


@dataclass
class KnownTriggers:
    """All triggers: those that ship, and those that sources files declare; and what is wrong with these files."""

    triggers: dict[str, type[Payload]] = field(default_factory=lambda: dict(TRIGGERS))
    faults: list[Fault] = field(default_factory=list)
    _unsure: set[str] = field(default_factory=set)
    _whole: bool = True

    def unsure(self, trigger: str) -> bool:
        """Whether a trigger may be declared by a source that is wrong."""
        source = trigger.rpartition(".")[0]  # of one of its types
        return bool({trigger, source} & self._unsure) or (not self._whole and trigger.partition(".")[0] in KINDS)

    def add(self, paths: Sequence[Path]) -> None:
        """What sources files, or folders of them, declare together."""
        found = declarations(*paths)
        self.triggers |= found.triggers
        self.faults += found.faults
        self._unsure |= found.unsure
        self._whole = self._whole and found.whole


def known(paths: Sequence[Path] = (), more: Sequence[Path] = ()) -> KnownTriggers:
    """The triggers for the flows of these paths, and those of `more` sources files. No secret is read. Never raises."""
    found = KnownTriggers()
    own = {path.resolve(): path for path in files(paths)}
    others = {path.resolve(): path for path in more}
    found.add(list(own.values()))
    found.add([path for resolved, path in others.items() if resolved not in own])
    return found


def triggers(paths: Sequence[Path] = ()) -> dict[str, type[Payload]]:
    """All triggers: those that ship, and those that sources files declare. No secret is read. Raises ProjectError."""
    found = known(paths)
    _refuse(found.faults)
    return found.triggers


def declared(path: Path) -> Mapping[str, type[Payload]]:
    """The triggers that a sources file, or a folder of them, declares. No secret is read. Raises ProjectError."""
    found = declarations(path)
    _refuse(found.faults)
    return found.triggers


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        told = "\n".join(map(str, faults))
        raise ProjectError(f"the sources file is wrong.\n{told}")


def files(paths: Sequence[Path] = ()) -> list[Path]:
    """The sources files that belong to these flows.

    FLOWS_SOURCES_FILE when it is set; else every sources file in the folders that are named, and those of the project:
    what `flows.yaml` names, or `sources.yaml` and the folder `sources` at its root. Where no folder that is named holds
    one, those of the `flows dev` of this folder count, if one runs.
    """
    named = os.environ.get("FLOWS_SOURCES_FILE")
    if named:
        return [Path(named)]
    own = beside(paths)
    there = {path.resolve() for path in own}
    here = [
        path
        for path in project().sources
        if path.exists() and not there & {file.resolve() for file in (yaml_files(path) if path.is_dir() else [path])}
    ]
    if not own and (told := (local.running() or {}).get("sources_file")):
        return [Path(told)]
    return [*own, *here]


def beside(paths: Sequence[Path]) -> list[Path]:
    """Every sources file in the folders that are named, and those that stand beside the files that are."""
    found = (file for path in paths for file in (yaml_files(path) if path.is_dir() else siblings(path)))
    return list(dict.fromkeys(file for file in found if is_sources(file)))


def siblings(path: Path) -> list[Path]:
    """The flows and sources files in a file's own folder, itself too."""
    return yaml_files_in(path.parent) if path.is_file() else []


def each_file(paths: Sequence[Path]) -> list[Path]:
    """These sources files, and those of the folders among them, as ingest reads them. What is not there is left out."""
    found = [sorted(path.iterdir()) if path.is_dir() else [path] for path in paths]
    return [file for files in found for file in files if file.suffix in SUFFIXES and file.is_file()]


def names(file: Path) -> list[str]:
    """The sources of a file, as far as it can be read: its mistakes are told by the check."""
    with contextlib.suppress(SourcesError):
        found = document.read(file).content()
        entries = found.get("sources") if isinstance(found, dict) else None
        return [str(name) for name in entries] if isinstance(entries, dict) else []
    return []


def variables(file: Path) -> list[str]:
    """The environment variables that a file takes its secrets from."""
    return ENV.findall(file.read_text(encoding="utf-8", errors="replace"))


def hooks(path: Path, environ: Mapping[str, str]) -> list[Hook]:
    """The hooks of a file or folder, with their secrets. None when something of it is wrong: ingest would not start."""
    with contextlib.suppress(SourcesError):
        return list(load(path, environ).hooks)
    return []
