"""A flow's trigger, and the events that come: as its type wants them, and as people's systems send them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.triggers.registry import TRIGGERS
from tests.support.schema_values import PEOPLE

Field = tuple[str, dict[str, Any], bool]
"""Name, JSON Schema, and whether it must be there."""
Schema = dict[str, Any]
TEXT, INTEGER, NUMBER, FLAG = (Schema(type=kind) for kind in ("string", "integer", "number", "boolean"))
TEXTS: Schema = {"type": "array", "items": TEXT}
LINES: Schema = {
    "type": "array",
    "items": {"type": "object", "required": ["sku"], "properties": {"sku": TEXT, "count": INTEGER}},
}
KINDS: tuple[tuple[str, Schema], ...] = (
    ("name", TEXT), ("email", TEXT), ("phone", TEXT), ("note", TEXT), ("count", INTEGER), ("total", NUMBER),
    ("vip", FLAG), ("tags", TEXTS), ("lines", LINES), ("country", TEXT), ("when", TEXT),
)  # fmt: skip
NUMBERS = (0, 1, -3, 20, 20.0, 7.5, 1e15, 9_007_199_254_740_993, "20", "x", None, True)
ODD: tuple[Any, ...] = (None, "", [], {}, 0, "x" * 300)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the trigger of a flow has, beside `id` and `who`, which are texts and always there."""

    fields: tuple[Field, ...]
    built_in: str | None = None
    """The name of a trigger of the product, instead: then these are the fields of its example that are texts."""

    def schema(self) -> dict[str, Any]:
        """As a sources file has it."""
        properties = {"id": TEXT, "who": TEXT} | {name: schema for name, schema, _ in self.fields}
        required = ["id", "who", *(name for name, _, needed in self.fields if needed)]
        return {"type": "object", "required": required, "properties": properties}


@dataclass(frozen=True, slots=True)
class Sent:
    """A body for a hook of the flow, of the event with this label. `reply`: of one that ends a wait of its run."""

    label: str
    body: dict[str, Any]
    reply: bool = False


def built_in(name: str) -> Shape:
    """That of a trigger of the product."""
    fields = TRIGGERS[name].model_json_schema(by_alias=True)["properties"]
    texts = [each for each in TRIGGERS[name].example if fields.get(each, {}).get("type") == "string"]
    return Shape(tuple((each, TEXT, True) for each in texts), name)


def shape(chance: random.Random) -> Shape:
    """A random one."""
    chosen = chance.sample(KINDS, chance.randint(4, 8))
    return Shape(tuple((name, schema, chance.random() < 0.6) for name, schema in chosen))


def events(chance: random.Random, made: Shape, count: int, *, replies: bool) -> Sequence[Sent]:
    """So many, of two contacts; some come twice, and after some comes an event that ends a wait of their run."""
    found: list[Sent] = []
    for number in range(count):
        label = f"e{number}"
        body = _of_ours(chance, made, number) if made.built_in else _declared(chance, made, label)
        if chance.random() < 0.08:
            body[chance.choice([name for name, _, _ in made.fields])] = chance.choice(ODD)
        if chance.random() < 0.1:
            body["more"] = {"a": [1, None]}
        found.append(Sent(label, body))
        if chance.random() < 0.12:
            found.append(Sent(label, body if chance.random() < 0.5 else body | {"more": 1}))
        if replies and chance.random() < 0.6:
            reply = {"id": f"r{number}", "ref": label, "text": chance.choice(PEOPLE)}
            found.append(Sent(label, reply, reply=True))
    return found


def _declared(chance: random.Random, made: Shape, label: str) -> dict[str, Any]:
    who = "" if chance.random() < 0.05 else chance.choice(("ana", "351912345678"))
    given = {name: _value(chance, each) for name, each, needed in made.fields if needed or chance.random() < 0.6}
    return {"id": label, "who": who} | given


def _of_ours(chance: random.Random, made: Shape, number: int) -> dict[str, Any]:
    """The example with an id of its own, and some texts as people write them."""
    body = dict(TRIGGERS[made.built_in or ""].example)
    for name, _, _ in made.fields:
        if name.endswith("_id"):
            body[name] = f"{body[name]}{number}"
        elif chance.random() < 0.3:
            body[name] = chance.choice(PEOPLE)
    return body


def _value(chance: random.Random, schema: dict[str, Any]) -> Any:
    match schema["type"]:
        case "string":
            return chance.choice(PEOPLE)
        case "integer" | "number":
            return chance.choice(NUMBERS[:5] if chance.random() < 0.95 else NUMBERS)
        case "boolean":
            return chance.random() < 0.5
        case "array":
            return [_value(chance, schema["items"]) for _ in range(chance.choice((0, 1, 2, 2, 3)))]
    return {name: _value(chance, part) for name, part in schema["properties"].items() if chance.random() < 0.8} | {
        "sku": chance.choice(("A1", "", "B-2"))
    }
