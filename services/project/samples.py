"""Samples of what a sender sends, from files: JSON, or a form as it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.runtime.documents import forms, json_file, json_numbers
from services.runtime.documents.bounds import MAX_CHARACTERS

SUFFIXES = frozenset({".json", ".txt", ".form"})
BOUNDARY = "--"


class SampleError(Exception):
    """A file holds no sample. The text says which, and why."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Bodies of one sender. `listed`: it puts several into one body."""

    bodies: list[dict[str, Any]]
    listed: bool = False


def samples(paths: Sequence[Path]) -> Samples:
    """What stands in files, and in the files of folders, in their order. Raises SampleError."""
    files = [file for path in paths for file in (_in(path) if path.is_dir() else [path])]
    if not files:
        raise SampleError(f"there is no sample (*.json, *.txt) in {', '.join(map(str, paths))}")
    found = [_read(file) for file in files]
    listed = {isinstance(value, list) for value in found}
    if len(listed) > 1:
        raise SampleError("some samples are lists and some are not: make two sources, or name one kind")
    bodies = [body for value in found for body in (value if isinstance(value, list) else [value])]
    return Samples(bodies, listed.pop())


def _in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in SUFFIXES and file.is_file())


def _read(file: Path) -> Any:  # noqa: ANN401 - a JSON object, or a list of them
    try:
        found = json_numbers.held(json_file.read(file))
    except OSError as error:
        raise SampleError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except ValueError as error:
        found = _form(file)
        if found is None:
            raise SampleError(f"{str(file)!r} is not JSON: {error}") from None
    bodies = found if isinstance(found, list) else [found]
    if not bodies or not all(isinstance(body, dict) and body for body in bodies):
        raise SampleError(f"{str(file)!r} holds no JSON object with fields, nor a list of them")
    return found


def _form(file: Path) -> dict[str, object] | None:
    """The fields of a form: as it is sent, or a field a line. None for what is none."""
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_CHARACTERS)
        text = content.decode("utf-8-sig").strip()
    except ValueError:
        return None
    if text.startswith(BOUNDARY):
        boundary = text.splitlines()[0].removeprefix(BOUNDARY)
        kind, body = f"{forms.MULTIPART}; boundary={boundary}", content.strip() + b"\r\n"
    else:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines or not all("=" in line for line in lines) or text[0] in "{[<":
            return None
        kind, body = forms.URLENCODED, "&".join(lines).encode()
    try:
        return forms.parse(body, kind)
    except forms.FormError:
        return None
