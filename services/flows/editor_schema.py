"""The language as JSON Schema, for editors: completion, help and underlines while a flow is written.

`flows check` knows more: types of expressions, what may be absent, what is never reached. The schema follows draft-07,
which the YAML language servers read, and lets an expression stand wherever a value does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from contracts.triggers.payload import Payload
from services.flows.catalogue import Action, Catalogue, Tool
from services.flows.keys import EXPRESSION, Schema, closed, described, map_of, ref
from services.flows.parse import FLOW_KEYS
from services.flows.steps.kind import Step
from services.flows.steps.registry import kinds

DIALECT = "http://json-schema.org/draft-07/schema#"
_DROPPED = frozenset({"title", "refined", "checked", "default", "$defs", "additionalProperties", "discriminator"})


def editor_schema(catalogue: Catalogue) -> Schema:
    """The JSON Schema of a flow file, with the names and inputs of a catalogue."""
    lines = {name: _line(model) for name, model in catalogue.triggers.items()}
    definitions: Schema = {
        "expression": {"type": "string", "pattern": r"\$\{", "description": "an expression: ${ trigger.from }"},
        "duration": {
            "type": "string",
            "pattern": r"^([0-9]+(\.[0-9]+)?(ms|[smhdw]))+$|\$\{",
            "examples": ["30s", "2h"],
        },
        "steps": {"type": "array", "minItems": 1, "items": ref("step")},
        "trigger": _names(catalogue.triggers, lines, more=True),
    }
    for kind in kinds().values():
        definitions |= kind.definitions
    for name, kind in kinds().items():
        definitions[f"step.{name}"] = {"title": f"a step with `{name}`", **_step(kind, catalogue, definitions)}
    definitions["step"] = {"anyOf": [ref(f"step.{name}") for name in kinds()]}
    return {
        "$schema": DIALECT,
        "$id": "urn:closum-flows:flow",
        "title": "A flow of closum-flows",
        **map_of(FLOW_KEYS),
        "definitions": definitions,
    }


def _step(kind: type[Step], catalogue: Catalogue, definitions: Schema) -> Schema:
    """A step of a kind. What its own key names in the catalogue has its inputs under `with`."""
    made = map_of(kind.keys)
    entries = kind.entries(catalogue)
    if entries is None:
        return made
    for key in kind.keys:
        if key.name == kind.kind:
            made["properties"][key.name] = described(key.help, _names(entries, _lines(entries)))
    if entries:
        made["allOf"] = [_inputs(kind.kind, entry, definitions) for entry in entries.values()]
    return made


def _names(names: Mapping[str, object], lines: Mapping[str, str], *, more: bool = False) -> Schema:
    """A choice of names, each with its line as help. `more`: other names are right too."""
    listed: list[Schema] = [{"const": name, "description": lines[name]} for name in sorted(names)]
    return {"type": "string", "anyOf": [*listed, *([{"pattern": r"^[a-z][a-z0-9_.-]*$"}] if more else [])]}


def _lines(entries: Mapping[str, Tool | Action]) -> dict[str, str]:
    """What people read of each: the group and the name of Closum's own catalogue, and what it does."""
    return {
        name: f"{entry.group}: {_titled(_title(entry), entry.line)}{_known(entry)}" for name, entry in entries.items()
    }


def _title(entry: Tool | Action) -> str:
    return entry.title if isinstance(entry, Action) else ""


def _known(entry: Tool | Action) -> str:
    """Where it is known from that an action's API is so."""
    known = entry.known if isinstance(entry, Action) else ""
    return f" ({known})" if known else ""


def _titled(title: str, line: str) -> str:
    return f"{title}: {line}" if title else line


def _line(model: type[BaseModel]) -> str:
    line = (model.__doc__ or "").strip().split("\n")[0]
    return _titled(model.title if issubclass(model, Payload) else "", line)


def _inputs(kind: str, entry: Tool | Action, definitions: Schema) -> Schema:
    """If a step names this tool, its `with` is what the tool takes."""
    prefix = f"{kind}.{entry.name}"
    schema = entry.inputs.model_json_schema(mode="validation", ref_template=f"#/definitions/{prefix}.{{model}}")
    for name, part in schema.get("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = _open(part)
    properties = {name: _value(part) for name, part in schema.get("properties", {}).items()}
    given = closed(properties, schema.get("required", ()))
    then: Schema = {"properties": {"with": {"title": f"the inputs of {entry.name}", **given}}}
    if schema.get("required"):
        then["required"] = ["with"]
    # With the type: an empty step is null, fulfils every condition on objects, and would complete to all tools' inputs.
    named: Schema = {"type": "object", "properties": {kind: {"const": entry.name}}, "required": [kind]}
    return {"if": named, "then": then}


def _value(part: Mapping[str, Any]) -> Schema:
    """A value of this schema, or an expression that gives one."""
    opened = _open(part)
    description = opened.pop("description", None)
    takes_text = opened.get("type") == "string" and not {"enum", "pattern", "const", "maxLength"} & opened.keys()
    made: Schema = opened if takes_text or not opened else {"anyOf": [opened, EXPRESSION]}
    return {"description": description, **made} if description else made


def _open(part: Mapping[str, Any]) -> Schema:
    """A schema whose inner values may be expressions, without what editors have no use for."""
    made = {key: value for key, value in part.items() if key not in _DROPPED}
    if isinstance(properties := made.get("properties"), Mapping):
        made["properties"] = {name: _value(inner) for name, inner in properties.items()}
        if part.get("additionalProperties") is False:
            made["additionalProperties"] = False
    if isinstance(items := made.get("items"), Mapping):
        made["items"] = _value(items)
    for word in ("anyOf", "oneOf", "allOf"):
        if isinstance(options := made.get(word), list):
            made[word] = [_open(option) for option in options]
    return made
