"""The triggers that sources files declare: which files count, and what stands in them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from contracts.triggers.payload import Payload
from contracts.triggers.registry import TRIGGERS
from services.cli import place
from services.cli.terminal import CommandError
from services.ingest.sources.load import declared_triggers
from services.runtime.settings import SettingsError

NAMES = ("*sources.yaml", "*sources.yml")
HERE = (Path("sources.yaml"), Path("sources"))


def files(paths: Sequence[Path] = ()) -> list[Path]:
    """The sources files that belong to these flows.

    FLOWS_SOURCES_FILE when it is set; else every `*sources.yaml` in the folders that are named; else those of the
    `flows dev` of this folder, if one runs; else `sources.yaml` or the folder `sources` where the command runs.
    """
    named = os.environ.get("FLOWS_SOURCES_FILE")
    if named:
        return [Path(named)]
    if found := beside(paths):
        return found
    told = (place.running() or {}).get("sources_file")
    return [Path(told)] if told else [path for path in HERE if path.exists()][:1]


def beside(paths: Sequence[Path]) -> list[Path]:
    """Every `*sources.yaml` in the folders that are named."""
    return list(dict.fromkeys(file for path in paths if path.is_dir() for file in _in(path)))


def _in(folder: Path) -> Iterator[Path]:
    for pattern in NAMES:
        yield from sorted(folder.rglob(pattern))


def triggers(paths: Sequence[Path] = ()) -> dict[str, type[Payload]]:
    """All triggers: those that ship, and those that sources files declare. No secret is read. Raises CommandError."""
    found = dict(TRIGGERS)
    for file in files(paths):
        try:
            found |= declared_triggers(file)
        except SettingsError as error:
            raise CommandError(f"the sources file is wrong.\n{error}") from None
    return found
