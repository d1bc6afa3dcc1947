"""`writes`: what a call sets where it goes, so that its echo is recognised (docs/two-way-sync.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from contracts.writes import SETS
from services.flows.compile_values import compile_map
from services.flows.entities import ALIASES
from services.flows.keys import Key, Keys, names, required
from services.flows.parse_values import Values
from services.flows.scope import Scope
from services.flows.sync import Write, canonical
from services.flows.syntax import MapOf, Value, Word
from services.flows.wording import said
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.yaml_tree import Mapping, Tree

KEYS: Keys = (
    Key("system", "which system is written to; without it, that of the connection"),
    Key("id", "the entity's id there"),
    Key("email", "the entity's e-mail address there"),
    Key("phone", "the entity's phone there"),
    Key("fields", "what is set", required=True),
)
_SCHEMA = {"type": "object", "properties": {key.name: {"description": key.help} for key in KEYS}}
KEY = Key("writes", "what the call sets where it goes, so that its echo is recognised", _SCHEMA)


@dataclass(frozen=True, slots=True)
class WritesRule:
    """What a call sets: the system, what the entity is known by there, the fields."""

    location: Location
    system: Word | None
    aliases: tuple[tuple[Word, Value], ...]
    fields: MapOf

    def values(self) -> Iterator[Value]:
        """All values that stand in it."""
        yield self.fields
        yield from (value for _, value in self.aliases)

    def told(self) -> str:
        """As people read it."""
        fields = ", ".join(word.text for word, _ in self.fields.items)
        system = f" in {self.system.text}" if self.system is not None else ""
        aliases = " or ".join(f"{word.text} {said(value)}" for word, value in self.aliases)
        return f"sets {fields}{system}, by {aliases}"


@dataclass(frozen=True, slots=True)
class WritesNode:
    """What a call sets, as the flow says it."""

    system: str
    aliases: Callable[[Scope], dict[str, Any]]
    fields: Callable[[Scope], dict[str, Any]]

    def write(self, scope: Scope) -> Write | None:
        """What is set in this run; None where the entity has no name, or nothing is set."""
        aliases = {kind: str(value) for kind, value in self.aliases(scope).items() if value}
        fields = {canonical(name): value for name, value in self.fields(scope).items()}
        return Write(self.system, aliases, fields) if aliases and fields else None


def read(values: Values, tree: Tree | None, action: Word, connection: Word | None) -> WritesRule | None:
    """The rule that stands there."""
    if tree is None:
        return None
    if action.text in SETS:
        text = f"what `{action.text}` sets is known: take `writes` away"
        values.fault(tree.location, FaultCode.KEY_UNKNOWN, text)
        return None
    if not isinstance(tree, Mapping):
        text = '`writes` is a map, such as { phone: "${ trigger.from }", fields: { name: "${ trigger.name }" } }'
        values.fault(tree.location, FaultCode.VALUE_INVALID, text)
        return None
    keys = values.keys(tree, "`writes`", names(KEYS), required=required(KEYS))
    system = values.word(keys["system"], "a system's name") if "system" in keys else connection
    if system is None and "system" not in keys:
        text = "`writes` needs `system`, as there is no `connection`: which system it is that is written to"
        values.fault(tree.location, FaultCode.KEY_MISSING, text)
    aliases = tuple((Word(name, keys[name].location), values.value(keys[name])) for name in ALIASES if name in keys)
    if not aliases:
        text = "`writes` needs `id`, `email` or `phone`: what the entity is known by where it is written to"
        values.fault(tree.location, FaultCode.KEY_MISSING, text)
    fields = values.value(keys["fields"]) if "fields" in keys else MapOf((), tree.location)
    if not isinstance(fields, MapOf):
        values.fault(fields.location, FaultCode.VALUE_INVALID, "`fields` is a map from names of fields to values")
        return None
    return WritesRule(tree.location, system, aliases, fields)


def compile_writes(rule: WritesRule | None, env: Any) -> WritesNode | None:  # noqa: ANN401 - the binding is untyped
    """The rule, ready to run."""
    if rule is None:
        return None
    return WritesNode(
        rule.system.text if rule.system else "",
        compile_map(MapOf(rule.aliases, rule.location), env),
        compile_map(rule.fields, env),
    )
