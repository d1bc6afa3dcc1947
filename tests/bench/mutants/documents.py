"""A flow as plain data: its places, its steps, and what the catalogue knows of them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from ruamel.yaml import YAML

from services.flows.catalogue import Catalogue

Path_ = tuple[str | int, ...]
REFERENCE = re.compile(r"(?<![\w.])([a-z_]\w*)\.(\w+)(?![\w(])")
EXPRESSION = re.compile(r"\$\{(.*?)\}(?=$|[^}\"'])", re.DOTALL)


@dataclass(frozen=True)
class Document:
    """One flow of a file, with the catalogue that it is checked with."""

    name: str
    file: Path
    data: dict[str, Any]
    catalogue: Catalogue

    @property
    def triggers(self) -> tuple[str, ...]:
        """Those that it begins with."""
        on = self.data["on"]
        return tuple(on) if isinstance(on, list) else (on,)


def read(file: Path, catalogue: Catalogue) -> Document:
    """The flow of a file."""
    yaml = YAML(typ="safe", pure=True)
    data = yaml.load(file.read_text(encoding="utf-8"))
    return Document(data["flow"], file, data, catalogue)


def written(data: Mapping[str, Any]) -> str:
    """A flow as text: JSON is YAML too."""
    return json.dumps(data, ensure_ascii=False, indent=1)


def places(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """All values with their paths, owners before what is in them."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def at(data: Any, path: Path_) -> Any:
    """What stands there."""
    for part in path:
        data = data[part]
    return data


def put(data: dict[str, Any], path: Path_, value: Any) -> dict[str, Any]:
    """The same flow with another value there."""
    made = copy.deepcopy(data)
    at(made, path[:-1])[path[-1]] = value
    return made


def without(data: dict[str, Any], path: Path_) -> dict[str, Any]:
    """The same flow without what stands there."""
    made = copy.deepcopy(data)
    del at(made, path[:-1])[path[-1]]
    return made


def lists_of_steps(data: dict[str, Any]) -> Iterator[tuple[Path_, list[Any]]]:
    """Each list of steps with its path."""
    for path, value in places(data):
        if isinstance(value, list) and value and isinstance(value[0], dict) and _of_steps(path):
            yield path, value


def _of_steps(path: Path_) -> bool:
    owner = path[-1]
    switched = len(path) > 1 and path[-2] == "cases"
    return owner in ("steps", "then", "else", "do", "default", "on_error", "on_deadline") or switched


def steps(data: dict[str, Any]) -> Iterator[tuple[Path_, dict[str, Any]]]:
    """Each step with its path."""
    for path, listed in lists_of_steps(data):
        yield from (((*path, number), step) for number, step in enumerate(listed))


@dataclass(frozen=True)
class Input:
    """One input of a step."""

    path: Path_
    name: str
    value: Any
    schema: Mapping[str, Any]
    required: bool


def component(step: Mapping[str, Any], catalogue: Catalogue) -> Any | None:
    """What a step names."""
    return catalogue.tools.get(step.get("tool", "")) or catalogue.actions.get(step.get("action", ""))


def inputs(document: Document) -> Iterator[Input]:
    """The inputs of all steps, each with its schema."""
    for path, step in steps(document.data):
        known = component(step, document.catalogue)
        if known is None:
            continue
        schema = schema_of(known.inputs)
        for name, value in step.get("with", {}).items():
            part = resolved(schema["properties"].get(name, {}), schema)
            yield Input((*path, "with", name), name, value, part, name in schema.get("required", ()))


_schemas: dict[tuple[type[BaseModel], str], Mapping[str, Any]] = {}


def schema_of(model: type[BaseModel], mode: Any = "validation") -> Mapping[str, Any]:
    """The JSON Schema of a model."""
    key = (model, mode)
    if key not in _schemas:
        _schemas[key] = model.model_json_schema(by_alias=True, mode=mode)
    return _schemas[key]


def resolved(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of what is given, if anything is."""
    if "$ref" in part:
        return resolved(root["$defs"][part["$ref"].rpartition("/")[2]], root)
    options = [each for each in part.get("anyOf", ()) if each.get("type") != "null"]
    return resolved(options[0], root) if len(options) == 1 else part


def kind_of(part: Mapping[str, Any]) -> str:
    """What a value of it is, in one word; empty where it can be anything."""
    return str(part.get("refined") or part.get("checked") or part.get("format") or part.get("type") or "")


def given_by(document: Document) -> dict[str, dict[str, str]]:
    """What each name in expressions gives: its fields, with the kind of each."""
    found = {}
    for _, step in steps(document.data):
        known = component(step, document.catalogue)
        if known is not None and "id" in step:
            found[step["id"]] = _fields(known.outputs)
    found["trigger"] = _fields(document.catalogue.triggers[document.triggers[0]])
    return found


def _fields(model: type[BaseModel]) -> dict[str, str]:
    schema = schema_of(model, "serialization")
    return {name: kind_of(resolved(part, schema)) for name, part in schema.get("properties", {}).items()}


def expressions(data: dict[str, Any]) -> Iterator[tuple[Path_, str]]:
    """All texts with expressions in them."""
    for path, value in places(data):
        if isinstance(value, str) and "${" in value:
            yield path, value


def in_words(path: Path_) -> str:
    """A path as people read it."""
    return ".".join(str(part) for part in path)
