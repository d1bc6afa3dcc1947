"""YAML with places: where a mistake stands in the sources file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from services.flows.faults import Fault, FaultCode
from services.flows.suggestion import nearest
from services.ingest.sources.entry import IN_BODY, IN_HEADER
from services.runtime.settings import SettingsError

DURATIONS = ("every", "within", "repeats_within")
KEY = "[key]"
TAGS = (KEY, IN_BODY, IN_HEADER)  # what is in the places of faults, and not in the file
CODES = {"extra_forbidden": FaultCode.KEY_UNKNOWN, "missing": FaultCode.KEY_MISSING}


class SourcesError(SettingsError):
    """A sources file is wrong. `faults` are all its mistakes, the text has one a line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(map(_told, faults)))
        self.faults = tuple(faults)


def _told(fault: Fault) -> str:
    if fault.code is FaultCode.FILE_UNREADABLE:
        return f"FLOWS_SOURCES_FILE={fault.file!r}: {fault.text}"
    return f"{fault.file}:{fault.line}:{fault.col}: {fault.text}"


def read(path: Path) -> Any:  # noqa: ANN401 - YAML is anything
    """The document. Raises SourcesError."""
    try:
        return YAML(typ="rt").load(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        code, at, text = FaultCode.FILE_UNREADABLE, (1, 1), f"cannot be read: {reason}"
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        code, text = FaultCode.YAML_INVALID, f"this is not YAML: {error.problem or error.context}"
        if isinstance(error, DuplicateKeyError):
            # Its own text shows both values, and somebody may have written a secret there.
            code, text = FaultCode.KEY_DUPLICATE, "this key stands in its mapping already: keep one"
    except (YAMLError, ValueError, TypeError, AttributeError, LookupError, AssertionError, RecursionError) as error:
        # ruamel.yaml lets the others through for values that are none of their tag, such as a date with a month 99.
        code, at, text = FaultCode.YAML_INVALID, (1, 1), f"this is not YAML: {' '.join(str(error).split())[:200]}"
    raise SourcesError([Fault(str(path), *at, code, text)])


def plain(node: Any) -> Any:  # noqa: ANN401 - YAML is anything
    """Without the library's own types."""
    if isinstance(node, CommentedMap):
        return {key: plain(value) for key, value in node.items()}
    return [plain(value) for value in node] if isinstance(node, CommentedSeq) else node


def faults_of(path: Path, document: Any, error: ValidationError, keys: Iterable[str]) -> list[Fault]:  # noqa: ANN401 - YAML is anything
    """Each fault, with its place. Never the input: somebody may have written a secret there.

    `keys` are all words that the file can have, to tell the one that was meant.
    """
    known = sorted(keys)
    found: list[Fault] = []
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        where = _written(document, [part for part in each["loc"] if part not in TAGS])
        kind, message = each["type"], str(each["msg"]).removeprefix("Value error, ")
        code = CODES.get(kind, FaultCode.VALUE_INVALID)
        if kind == "extra_forbidden":
            near = nearest(where[-1], known)
            message = "no such field; " + (
                f"did you mean {near!r}?" if near else "docs/sources.md lists those there are"
            )
        elif kind == "missing":
            message = "is needed"
        elif kind in {"model_type", "dict_type"}:
            message = "must be a mapping: see the example at the top of deploy/config/sources.yaml"
        elif KEY in each["loc"]:
            message = "a name is a small letter, then small letters, digits, - or _"
        elif where[-1:] and where[-1] in DURATIONS:
            code = FaultCode.DURATION_INVALID
        elif where[-1:] == ("trigger",):
            code = FaultCode.TRIGGER_UNKNOWN
        at_key = code is FaultCode.KEY_UNKNOWN or KEY in each["loc"]
        line, col = place(document, where, key=at_key)
        found.append(Fault(str(path), line, col, code, f"{'.'.join(where) or 'the file'}: {message}"))
    return list(dict.fromkeys(found))


def words(model: type[BaseModel]) -> Iterator[str]:
    """The names of all fields of a model and of those that are derived from it."""
    yield from (info.alias or name for name, info in model.model_fields.items())
    for each in model.__subclasses__():
        yield from words(each)


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


def place(node: Any, where: tuple[str, ...], *, key: bool = False) -> tuple[int, int]:  # noqa: ANN401 - YAML is anything
    """Line and column (from 1) of the deepest part of a path that the document has: of its key, or of its value.

    The value of a key is where it is one word or one line; else the key says better which one is meant.
    """
    at = (0, 0)
    for number, part in enumerate(where, 1):
        if isinstance(node, CommentedMap) and part in node:
            own = key and number == len(where)
            value = node[part]
            at = node.lc.key(part) if own or isinstance(value, CommentedMap | CommentedSeq) else node.lc.value(part)
            node = value
        elif isinstance(node, CommentedSeq) and part.isdecimal() and int(part) < len(node):
            at, node = node.lc.item(int(part)), node[int(part)]
        else:
            break
    return at[0] + 1, at[1] + 1
