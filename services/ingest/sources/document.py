"""Where a mistake stands in the sources file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from services.ingest.sources.body_forms import IN_BODY, IN_HEADER
from services.ingest.sources.file_form import TOGETHER
from services.runtime.documents import yaml_file
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.suggestion import nearest
from services.runtime.documents.yaml_file import FileError, YamlFile
from services.runtime.settings import SettingsError

DURATIONS = ("every", "within", "repeats_within")
KEY = "[key]"
TAGS = (KEY, IN_BODY, IN_HEADER, TOGETHER)  # what is in the places of faults, and not in the file
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


def read(path: Path) -> YamlFile:
    """The file. Raises SourcesError."""
    try:
        return yaml_file.read(path)
    except FileError as error:
        raise SourcesError([Fault(str(path), error.line, error.col, error.code, str(error))]) from None


def faults_of(path: Path, file: YamlFile, error: ValidationError, keys: Iterable[str]) -> list[Fault]:
    """Each fault, with its place. Never the input: somebody may have written a secret there.

    `keys` are all words that the file can have, to tell the one that was meant.
    """
    known = sorted(keys)
    found: list[Fault] = []
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        where = file.written([part for part in each["loc"] if part not in TAGS])
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
        line, col = file.location(where, key=at_key)
        found.append(Fault(str(path), line, col, code, f"{'.'.join(where) or 'the file'}: {message}"))
    return list(dict.fromkeys(found))


def words(model: type[BaseModel]) -> Iterator[str]:
    """The names of all fields of a model and of those that are derived from it."""
    yield from (info.alias or name for name, info in model.model_fields.items())
    for each in model.__subclasses__():
        yield from words(each)
