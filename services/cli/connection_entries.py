"""The connections file, as `flows connections new` writes it: an entry more, and all else as it stands."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from services.cli.terminal import CommandError

SHORT = 90
"""Characters of a mapping that stands in one line."""


def add(file: Path, name: str, entry: Mapping[str, Any], comments: Sequence[str]) -> None:
    """Write an entry under a new name. Raises CommandError, with the file as it was."""
    text = _text(file)
    there = _connections(file, text)
    if name in there:
        raise CommandError(f"{str(file)!r} has a connection {name!r} already: choose another name, or change it there")
    block = "".join(f"# {line}\n" for line in comments) + _dumped({name: _compact(entry)})
    whole = _with(text, there, block)
    try:
        kept = dict(_connections(file, whole))
    except CommandError:
        kept = {}
    if kept != {**there, name: dict(entry)}:
        raise CommandError(
            f"an entry cannot be added to {str(file)!r} as it is written: write `connections:` in a line, and each "
            "name in a line of its own below it"
        )
    beside = file.with_name(f"{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(whole, encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise CommandError(f"cannot write {str(file)!r}: {error.strerror}") from None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {str(file)!r}: {error}") from None


def _connections(file: Path, text: str) -> CommentedMap:
    try:
        document = YAML().load(text)
    except YAMLError as error:
        raise CommandError(f"{str(file)!r} is no YAML: {error}") from None
    found = document.get("connections") if isinstance(document, dict) else document
    if found is None:
        return CommentedMap()
    if not isinstance(found, CommentedMap):
        raise CommandError(f"{str(file)!r} is no connections file: `connections:` with names below it is expected")
    return found


def _with(text: str, there: CommentedMap, block: str) -> str:
    """The text with a block more: it is appended, so that nothing else changes."""
    if not there:
        head = "".join(f"{line}\n" for line in text.splitlines() if line.startswith("#"))
        return f"{head}connections:\n{textwrap.indent(block, '  ')}"
    ended = text if text.endswith("\n") else f"{text}\n"
    return ended + textwrap.indent(block, " " * there.lc.col)


def shown(value: Sequence[Mapping[str, Any]]) -> str:
    """As flows and connections files have it, for a person."""
    return _dumped([_compact(one) for one in value])


def _dumped(value: Mapping[str, Any] | Sequence[Any]) -> str:
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 4096
    text = StringIO()
    yaml.dump(value, text)
    return text.getvalue()


def _compact(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - any value of a connections file
    """The same, with each short mapping below the entry in one line."""
    if isinstance(value, Mapping):
        mapping = CommentedMap({key: _compact(inner, depth + 1) for key, inner in value.items()})
        if depth and len(str(value)) < SHORT:
            mapping.fa.set_flow_style()
        return mapping
    return [_compact(inner, depth + 1) for inner in value] if isinstance(value, list) else value
