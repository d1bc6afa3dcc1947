"""From what a pydantic form says of a YAML file to faults with their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_file import YamlFile

CODES = {"extra_forbidden": FaultCode.KEY_UNKNOWN, "missing": FaultCode.KEY_MISSING}
KEY = "[key]"


def faults_of(path: Path, file: YamlFile, error: ValidationError, keys: Iterable[str]) -> list[Fault]:
    """Each fault where it stands; `keys`: those there are. Never the input: somebody may have written a secret."""
    known = sorted(set(keys))
    found = []
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        where = file.written([part for part in each["loc"] if part != KEY])
        unknown = each["type"] == "extra_forbidden"
        text = str(each["msg"]).removeprefix("Value error, ")
        if unknown:
            text = f"no such key; {suggestion(where[-1], known)}"
        line, col = file.location(where, key=unknown or KEY in each["loc"])
        code = CODES.get(each["type"], FaultCode.VALUE_INVALID)
        found.append(Fault(str(path), line, col, code, f"{'.'.join(where) or 'the file'}: {text}"))
    return found


def words(model: type[BaseModel]) -> Iterator[str]:
    """The names of all fields of a model and of those that are derived from it."""
    yield from (info.alias or name for name, info in model.model_fields.items())
    for each in model.__subclasses__():
        yield from words(each)
