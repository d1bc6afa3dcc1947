"""`vars`: what is another value in another deployment, declared once in the project's `flows.yaml`, with its type.

    vars:
      zone: { type: time_zone, default: Europe/Lisbon, description: whose clock counts }
      least_total: { type: number }

Values are bound when flows are loaded or deployed, and belong to the flow's version: a run ends with those that it
began with. The text of a deployed flow holds them in a document of its own: `vars: { zone: { type: …, value: … } }`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from services.flows.flow import Flow
from services.flows.names import STEP_NAME, VARS
from services.flows.refined import KINDS, is_a
from services.flows.shapes import BOOL, INT, NUMBER, TEXT, Field, Shape, bounded
from services.flows.syntax import Constant, MapOf, Word
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Plain, Scalar, Tree

PREFIX = "FLOWS_VAR_"
"""Of environment variables: FLOWS_VAR_LEAST_TOTAL is `least_total`."""
FILE = "FLOWS_VARS_FILE"
_PLAIN = {"text": replace(TEXT, filled=True), "whole": INT, "number": NUMBER, "bool": BOOL}
TYPES = (*_PLAIN, *sorted(KINDS))
_KEYS = ("type", "default", "description", "value")
_TRUTHS = {"true": True, "false": False}
MOST = 200


class Given(NamedTuple):
    """A value that a deployment gives, and where it stands, for people. `text`: it comes without a type."""

    value: Plain
    where: str
    text: bool = False


@dataclass(frozen=True, slots=True)
class Vars:
    """The declared names: their types, and their values in this deployment."""

    types: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    values: Mapping[str, Plain] = field(default_factory=lambda: MappingProxyType({}))

    def fields(self) -> dict[str, Field]:
        """What expressions see below `vars`."""
        return {name: Field(bounded(_shape(kind), len(str(self.values[name])))) for name, kind in self.types.items()}

    def document(self) -> str:
        """A document of YAML with all of them, to stand behind a flow's text."""
        said = {name: {"type": kind, "value": self.values[name]} for name, kind in self.types.items()}
        return f"---\nvars: {json.dumps(said, sort_keys=True)}\n"

    def changed(self, values: Mapping[str, Plain], where: str) -> Vars:
        """These, with other values. Raises ValueError for a name that is not declared, and for another type."""
        made = dict(self.values)
        for name, value in values.items():
            if name not in self.types:
                raise ValueError(f"`vars`: {name!r} is not declared in flows.yaml: {suggestion(name, self.types)}")
            brought = _brought(Given(value, where), self.types[name])
            if brought is None:
                raise ValueError(f"`vars`: {name!r} is {_said(self.types[name])}, and this is {str(value)[:40]!r}")
            made[name] = brought
        return replace(self, values=MappingProxyType(made))

    def read_by(self, text: str) -> list[str]:
        """The names that a text reads. Asked once of a text, which can hold many flows."""
        return sorted(self.values.keys() & _read(text, self.values)) if self.values else []

    def bound(self, flow: Flow, names: Sequence[str]) -> Flow:
        """The flow with the values of these names, which its text reads: others are no part of its version."""
        if not names:
            return flow
        at = flow.name.location
        return replace(flow, vars=MapOf(tuple((Word(name, at), Constant(self.values[name], at)) for name in names), at))


NONE = Vars()


def _shape(kind: str) -> Shape:
    return _PLAIN.get(kind) or replace(TEXT, refined=kind)


def _read(text: str, names: Mapping[str, object]) -> set[str]:
    """The names that a text may read. Where it takes `vars` as a whole, all of them: too many is no harm."""
    if re.search(rf"\b{VARS}\b(?!\s*[.:])", text) is not None:
        return set(names)
    return set(re.findall(rf"\b{VARS}\s*\.\s*\??\s*(\w+)", text))


def is_vars(tree: Tree) -> bool:
    """Whether a document says what values there are, as that behind a deployed flow does."""
    return isinstance(tree, MappingTree) and [key.value for key, _ in tree.items] == [VARS]


def declared(file: str, tree: Tree | None, given: Mapping[str, Given]) -> tuple[Vars, list[Fault]]:
    """The vars under `vars:` of a project's file, with the values that are given, and all that is wrong with either."""
    reader = _Reader(file)
    entries = tree.items if isinstance(tree, MappingTree) else ()
    if tree is not None and not isinstance(tree, MappingTree):
        reader.fault(tree.location, FaultCode.VALUE_INVALID, "`vars` is a map from names to { type: …, default: … }")
    if len(entries) > MOST:
        reader.fault(entries[MOST][0].location, FaultCode.VALUE_INVALID, f"these are over {MOST} vars")
    for key, what in entries[:MOST]:
        reader.one(key, what, given.get(str(key.value)))
    known = [str(key.value) for key, _ in entries]
    place = tree.location if tree is not None else Location(1, 1)
    for name in given.keys() - known:
        near = suggestion(name, known) if known else "there are no `vars` in it"
        text = f"{given[name].where} gives {name!r}, which {file} does not declare: {near}"
        reader.fault(place, FaultCode.KEY_UNKNOWN, text)
    return Vars(MappingProxyType(reader.types), MappingProxyType(reader.values)), reader.faults


class _Reader:
    """One file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self.types: dict[str, str] = {}
        self.values: dict[str, Plain] = {}

    def fault(self, at: Location, code: FaultCode, text: str) -> None:
        self.faults.append(Fault(self.file, at.line, at.col, code, text))

    def one(self, key: Scalar, what: Tree, given: Given | None) -> None:
        name = str(key.value)
        if not STEP_NAME.fullmatch(name):
            text = f"{name!r} is no name: use letters, digits and _, not beginning with a digit"
            self.fault(key.location, FaultCode.ID_INVALID, text)
            return
        parts = {str(part.value): (part, value) for part, value in what.items} if isinstance(what, MappingTree) else {}
        for unknown in parts.keys() - set(_KEYS):
            self.fault(
                parts[unknown][0].location,
                FaultCode.KEY_UNKNOWN,
                f"a var has no key {unknown!r}: {suggestion(unknown, _KEYS)}",
            )
        kind = parts["type"][1] if "type" in parts else None
        if not isinstance(kind, Scalar) or kind.value not in TYPES:
            near = (
                suggestion(str(kind.value), TYPES) if isinstance(kind, Scalar) else f"write one of {', '.join(TYPES)}"
            )
            self.fault(
                kind.location if kind else key.location, FaultCode.VALUE_INVALID, f"{name!r} needs `type`: {near}"
            )
            return
        self.types[name] = str(kind.value)
        self.values[name] = self._value(key, parts, self.types[name], given)

    def _value(self, key: Scalar, parts: Mapping[str, tuple[Scalar, Tree]], kind: str, given: Given | None) -> Plain:
        """What counts: what the deployment gives, else the default."""
        place = next((parts[name][1] for name in ("value", "default") if name in parts), None)
        if given is None and place is not None:
            given = Given(place.value if isinstance(place, Scalar) else None, f"{self.file}:{place.location.line}")
        name = str(key.value)
        if given is None:
            text = (
                f"{name!r} has no value: who deploys gives it, by {PREFIX}{name.upper()}, in the file of {FILE} or of"
                " `--vars`; or whoever writes flows gives a `default`"
            )
            self.fault(key.location, FaultCode.KEY_MISSING, text)
            return _instead(kind)
        value = _brought(given, kind)
        if value is None:
            at = place.location if place is not None else key.location
            text = f"{name!r} is {_said(kind)}, and {given.where} gives {str(given.value)[:40]!r}"
            self.fault(at, FaultCode.INPUT_TYPE, text)
            return _instead(kind)
        return value


def _brought(given: Given, kind: str) -> Plain:
    """The value as its type; None where it is none."""
    value = given.value
    if kind == "bool":
        return _TRUTHS.get(str(value).lower()) if given.text else value if isinstance(value, bool) else None
    if kind in ("whole", "number"):
        return _number(value, kind, text=given.text)
    if not isinstance(value, str) or not value.strip():
        return None
    return value if kind == "text" or is_a(kind, value) else None


def _number(value: Plain, kind: str, *, text: bool) -> Plain:
    if text:
        try:
            value = int(str(value)) if kind == "whole" else float(str(value))
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind == "whole":
        return value if isinstance(value, int) and abs(value) < 2**63 else None
    return float(value) if abs(value) < float("inf") else None


def _instead(kind: str) -> Plain:
    """Something of a type, so that one fault does not bring others."""
    return {"whole": 0, "number": 0.0, "bool": False}.get(kind, "")


def _said(kind: str) -> str:
    return {"whole": "a whole number", "bool": "true or false", "text": "a text that is not empty"}.get(
        kind, str(_shape(kind))
    )
