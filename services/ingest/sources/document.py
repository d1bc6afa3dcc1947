"""YAML with places: where a mistake stands in the sources file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from services.runtime.settings import SettingsError


def read(path: Path) -> Any:  # noqa: ANN401 - YAML is anything
    """The document. Raises SettingsError."""
    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"FLOWS_SOURCES_FILE={str(path)!r}: cannot be read: {reason}") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise SettingsError(f"{where}: this is not YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        raise SettingsError(f"{path}: this is not YAML: {str(error).splitlines()[0]}") from None


def plain(node: Any) -> Any:  # noqa: ANN401 - YAML is anything
    """Without the library's own types."""
    if isinstance(node, CommentedMap):
        return {key: plain(value) for key, value in node.items()}
    return [plain(value) for value in node] if isinstance(node, CommentedSeq) else node


def told(path: Path, document: Any, error: ValidationError) -> list[str]:  # noqa: ANN401 - YAML is anything
    """Each fault: file:line: place: what is wrong. Never the input: somebody may have written a secret there."""
    lines = []
    for fault in error.errors():
        where = _written(document, [part for part in fault["loc"] if part != "[key]"])
        message = str(fault["msg"]).removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "no such field; docs/sources.md lists those that there are"
        elif fault["type"] in {"model_type", "dict_type"}:
            message = "must be a mapping: see the example at the top of deploy/config/sources.yaml"
        elif "[key]" in fault["loc"]:
            message = "a name is a small letter, then small letters, digits, - or _"
        lines.append(f"{path}:{line(document, where)}: {'.'.join(where) or 'the file'}: {message}")
    return list(dict.fromkeys(lines))


def _written(node: Any, place: list[Any]) -> tuple[str, ...]:  # noqa: ANN401 - YAML is anything
    """The place as it is written: one secret may stand where a list of two could."""
    where = []
    for part in place:
        if isinstance(part, int) and not isinstance(node, CommentedSeq):
            continue
        where.append(str(part))
        inner = isinstance(node, CommentedMap) and part in node
        node = node[part] if inner or (isinstance(node, CommentedSeq) and isinstance(part, int)) else None
    return tuple(where)


def line(node: Any, where: tuple[str, ...]) -> int:  # noqa: ANN401 - YAML is anything
    """The line of the deepest part of a path that the document has."""
    found = 1
    for part in where:
        if not isinstance(node, CommentedMap) or part not in node:
            break
        found = node.lc.key(part)[0] + 1
        node = node[part]
    return found
