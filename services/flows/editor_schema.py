"""The language as JSON Schema, for editors: completion, help and underlines while a flow is written.

`flows check` knows more: types of expressions, what may be absent, what is never reached. The schema follows draft-07,
which the YAML language servers read, and lets an expression stand wherever a value does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from contracts.actions import MOST_WAITS
from services.flows.catalogue import Action, Catalogue, Tool
from services.flows.parse import (
    CANCEL_KEYS,
    FLOW_KEYS,
    MOST_ROUNDS,
    PRIORITIES,
    STEP_KEYS,
)
from services.flows.parse_times import HOURS_KEYS, MAX_ATTEMPTS, WAIT_KEYS

Schema = dict[str, Any]
DIALECT = "http://json-schema.org/draft-07/schema#"
_DROPPED = frozenset({"title", "refined", "checked", "default", "$defs", "additionalProperties", "discriminator"})


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _said(text: str, schema: Schema | None = None) -> Schema:
    """A schema with its help. Beside a `$ref`, draft-07 reads nothing: it stands in `allOf`."""
    schema = schema or {}
    if "$ref" in schema:
        return {"description": text, "allOf": [schema]}
    return {"description": text, **schema}


def _map(keys: Mapping[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    made: Schema = {"type": "object", "additionalProperties": False, "properties": dict(keys)}
    return {**made, "required": list(required)} if required else made


EXPRESSION: Schema = {"type": "string", "pattern": r"\$\{", "description": "an expression: ${ trigger.from }"}
DURATION: Schema = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|[smhdw]))+$|\$\{", "examples": ["30s", "2h"]}
ANYTHING: Schema = {"type": ["string", "number", "boolean", "array", "object", "null"]}
STEPS: Schema = {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/step"}}
WAY: Schema = {"anyOf": [{"enum": ["stop", "continue"]}, _ref("steps")]}

# Every key of the language that has one meaning wherever it stands. A test holds it against the parser's tables.
KEYS: Mapping[str, Schema] = {
    "flow": _said("the flow's name", {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,99}$"}),
    "description": _said("one sentence for people", {"type": "string"}),
    "key": _said("the entity whose order matters; without it, the event's subject", _ref("expression")),
    "when": _said("only events for which this is true run through the flow", _ref("expression")),
    "allow_cycle": _said("why flows that set each other off come to an end", {"type": "string", "minLength": 1}),
    "steps": _said("what to do, from top to bottom", _ref("steps")),
    "id": _said("the name of the step's output", {"type": "string", "pattern": "^[a-zA-Z_][a-zA-Z0-9_]{0,63}$"}),
    "connection": _said("where the call goes: a name of the connections file", {"type": "string"}),
    "with": _said("the inputs", {"type": "object"}),
    "retry": _said(
        "how a failing call is tried again",
        _map(
            {
                "attempts": _said("how often", {"type": "integer", "minimum": 1, "maximum": MAX_ATTEMPTS}),
                "within": _said("for how long", _ref("duration")),
                "schedule": _said(
                    "the waits in turn, instead of `attempts`",
                    {"type": "array", "minItems": 1, "maxItems": MOST_WAITS, "items": _ref("duration")},
                ),
            }
        ),
    ),
    "priority": _said("its share where flows wait for one connection: 8, 2 or 1 turns", {"enum": list(PRIORITIES)}),
    "timeout": _said("the longest that one call may take", _ref("duration")),
    "on_error": _said("what a failure does: stop (the default), continue, or steps", WAY),
    "writes": _said("what the call sets where it goes, so that its echo is recognised", {"type": "object"}),
    "if": _said("true or false", _ref("expression")),
    "then": _said("the steps for when it is true", _ref("steps")),
    "else": _said("the steps for when it is not", _ref("steps")),
    "switch": _said("what the cases are compared with", _ref("expression")),
    "cases": _said("from each value to its steps", {"type": "object", "additionalProperties": _ref("steps")}),
    "default": _said("the steps for all other values", _ref("steps")),
    "for_each": _said("a list", {"anyOf": [_ref("expression"), {"type": "array"}]}),
    "as": _said("the name of an item; without it, `item`", {"type": "string"}),
    "limit": _said("the most items that the list may have", {"type": "integer", "minimum": 1, "maximum": MOST_ROUNDS}),
    "do": _said("the steps for each item", _ref("steps")),
    "set": _said("names for values", {"type": "object", "minProperties": 1}),
    "stop": _said("why the run ends here, as filtered", {"type": "string"}),
    "zone": _said("a time zone", {"type": "string", "examples": ["Europe/Lisbon"]}),
    "days": _said("such as mon-fri", {"type": ["string", "array"]}),
    "hours": _said("such as 09:00-18:00", {"type": ["string", "array"]}),
    "holidays": _said("days that are none, such as 2026-12-25", {"type": ["string", "array"]}),
    "match": _said("reads the key of the event that comes; without it, its subject", _ref("expression")),
}


def editor_schema(catalogue: Catalogue) -> Schema:
    """The JSON Schema of a flow file, with the names and inputs of a catalogue."""
    definitions: Schema = {
        "expression": EXPRESSION,
        "duration": DURATION,
        "steps": STEPS,
        "trigger": _names(
            catalogue.triggers, {name: _line(model) for name, model in catalogue.triggers.items()}, more=True
        ),
        "hours": _map({key: KEYS[key] for key in HOURS_KEYS}),
    }
    definitions["wait"] = _map(
        {
            "for": _said("how long", _ref("duration")),
            "until": _said("a moment, such as ${ trigger.starts_at }", {"type": "string"}),
            "zone": KEYS["zone"],
            "working_hours": _said("then until working hours", _ref("hours")),
        }
    )
    assert set(WAIT_KEYS) == definitions["wait"]["properties"].keys()  # noqa: S101 - a key more needs its line here
    cancelling = {"trigger": _said("the event that ends the wait", _ref("trigger")), "then": _said("what it does", WAY)}
    definitions["cancel_on"] = _map(
        {key: cancelling.get(key, KEYS.get(key, {})) for key in CANCEL_KEYS}, required=("trigger", "key")
    )
    local = {
        "wait": _said("a duration, a moment, or working hours", {"anyOf": [_ref("duration"), _ref("wait")]}),
        "cancel_on": _said("the event that ends the wait early", _ref("cancel_on")),
        "tool": _said("the tool's name", _names(catalogue.tools, _lines(catalogue.tools))),
        "action": _said("the action's name", _names(catalogue.actions, _lines(catalogue.actions))),
        "on": _said(
            "what starts the flow: a trigger, or several",
            {"anyOf": [_ref("trigger"), {"type": "array", "minItems": 1, "items": _ref("trigger")}]},
        ),
    }
    keys = {**KEYS, **local}
    needed = {"if": ("if", "then"), "for_each": ("for_each", "do"), "switch": ("switch", "cases")}
    for kind, names in STEP_KEYS.items():
        made = _map({name: keys[name] for name in names}, required=needed.get(kind, (kind,)))
        named: Mapping[str, Mapping[str, Tool | Action]] = {"tool": catalogue.tools, "action": catalogue.actions}
        entries = named.get(kind, {})
        if entries:
            made["allOf"] = [_inputs(kind, entry, definitions) for entry in entries.values()]
        definitions[f"step.{kind}"] = {"title": f"a step with `{kind}`", **made}
    definitions["step"] = {"anyOf": [_ref(f"step.{kind}") for kind in STEP_KEYS]}
    return {
        "$schema": DIALECT,
        "$id": "urn:closum-flows:flow",
        "title": "A flow of closum-flows",
        **_map({name: keys[name] for name in FLOW_KEYS}, required=("flow", "on", "steps")),
        "definitions": definitions,
    }


def _names(names: Mapping[str, object], lines: Mapping[str, str], *, more: bool = False) -> Schema:
    """A choice of names, each with its line as help. `more`: other names are right too."""
    listed: list[Schema] = [{"const": name, "description": lines[name]} for name in sorted(names)]
    return {"type": "string", "anyOf": [*listed, *([{"pattern": r"^[a-z][a-z0-9_.-]*$"}] if more else [])]}


def _lines(entries: Mapping[str, Tool | Action]) -> dict[str, str]:
    return {name: entry.line for name, entry in entries.items()}


def _line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]


def _inputs(kind: str, entry: Tool | Action, definitions: Schema) -> Schema:
    """If a step names this tool, its `with` is what the tool takes."""
    prefix = f"{kind}.{entry.name}"
    schema = entry.inputs.model_json_schema(mode="validation", ref_template=f"#/definitions/{prefix}.{{model}}")
    for name, part in schema.get("$defs", {}).items():
        definitions[f"{prefix}.{name}"] = _open(part)
    properties = {name: _value(part) for name, part in schema.get("properties", {}).items()}
    given = _map(properties, required=schema.get("required", ()))
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
    made: Schema = opened if takes_text or not opened else {"anyOf": [opened, _ref("expression")]}
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
