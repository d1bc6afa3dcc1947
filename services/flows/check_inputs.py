"""Checks what a step gives to its tool or action: names, shapes, and the values that stand in the flow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from services.flows.assignability import fits, remedy
from services.flows.catalogue import BaseInputs
from services.flows.check_expression import ExpressionFacts, Report
from services.flows.fields import adapter_of, names_of_field
from services.flows.input_rules import broken_rules
from services.flows.literals import is_literal, plain_of
from services.flows.logic import UNSURE, Atom, Fixed, Formula, either
from services.flows.shapes import ANY, BOOL, INT, NULL, NUMBER, TEXT, Field, Kind, Shape, Shapes, is_filled, joined
from services.flows.syntax import Constant, Expression, ListOf, MapOf, Template, Value, Word
from services.flows.unknown import UNKNOWN, BeginsWith
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import suggestion

Judge = Callable[[Expression], ExpressionFacts]
Known = Callable[[Formula], bool]
YAML_1_1 = ("yes", "no", "on", "off", "y", "n")
TEXT_PARTS = frozenset(
    {Kind.TEXT, Kind.INT, Kind.NUMBER, Kind.BOOL, Kind.ANY, Kind.UNION, Kind.TIME, Kind.DURATION, Kind.OPTIONAL}
)


class Inputs:
    """Checks values against shapes. Every expression in them is judged once; `again` says it without reporting.

    `known` says whether a formula is surely true here.
    """

    def __init__(self, shapes: Shapes, judge: Judge, again: Judge, known: Known, report: Report) -> None:
        self.shapes = shapes
        self.judge = judge
        self.again = again
        self.known = known
        self.report = report
        self._lengths: dict[int, int | None] = {}

    def check(self, given: MapOf, model: type[BaseInputs], owner: Word, shape: Shape) -> None:
        """The inputs of a step, for the model of its tool or action."""
        fields = self.shapes.fields(shape)
        right = True
        names = {word.text for word, _ in given.items}
        for word, value in given.items:
            field = fields.get(word.text)
            if field is None:
                missing = [name for name in fields if name not in names]
                near = suggestion(word.text, missing or fields)
                self.report(word.location, FaultCode.INPUT_UNEXPECTED, f"`{owner.text}` takes no {word.text!r}: {near}")
                self.value(value, ANY, "", maybe=True)
                right = False
                continue
            what = f"{word.text!r} of `{owner.text}`"
            fine = self.value(value, field.shape, what, maybe=field.maybe, empty=bool(field.empty))
            if fine and is_literal(value):
                fine = self.literal(value, model, word.text, what)
            right = right and fine
        for name, field in fields.items():
            if field.required and name not in names:
                right = False
                self.report(
                    owner.location,
                    FaultCode.INPUT_MISSING,
                    f"`{owner.text}` needs {name!r}, {field.shape}: give it under `with`",
                )
        if right:
            locations = {word.text: value.location for word, value in given.items}
            broken = broken_rules(model, known_of(given))
            for text in broken:
                location = locations.get(text.partition(":")[0], owner.location)
                self.report(location, FaultCode.INPUT_VALUE, f"`{owner.text}`: {text}")
            if not broken:
                self._without_absent(given, model, owner, fields)

    def _without_absent(self, given: MapOf, model: type[BaseInputs], owner: Word, fields: Mapping[str, Field]) -> None:
        """Whether the rules hold where all is absent that can be, unless it is known that something is there."""
        optional = [(word.text, value) for word, value in given.items if fields[word.text].maybe]
        if not broken_rules(model, known_of(_without(given, [name for name, _ in optional]))):
            return  # as most do: nothing need be judged again
        can_be = {
            name: there
            for name, value in optional
            if (there := self._there(value, empty=bool(fields[name].empty))) is not None
        }
        if not can_be or self.known(functools.reduce(either, can_be.values())):
            return
        for text in broken_rules(model, known_of(_without(given, can_be))):
            names = " and ".join(repr(name) for name in can_be)
            told = f"`{owner.text}`: {text}, and {names} can be absent here: ask for one of them first"
            self.report(owner.location, FaultCode.INPUT_VALUE, told)

    def _there(self, value: Value, *, empty: bool) -> Formula | None:
        """When this input is given; None: always, or the types do not know. `empty`: an empty text counts as absent."""
        if isinstance(value, Constant):
            return Fixed(value=False) if value.value is None or (empty and value.value == "") else None
        if isinstance(value, Template):
            filled = any(isinstance(part, str) and part for part in value.parts)
            return UNSURE if empty and not filled else None
        if not isinstance(value, Expression):
            return None
        judged = self.again(value)
        source = judged.shape
        if source.kind is Kind.OPTIONAL:
            return judged.there
        if source.kind is Kind.NULL:
            return Fixed(value=False)
        if empty and source.kind is Kind.TEXT and not is_filled(source):
            return Atom(source.unless) if source.unless else UNSURE
        return None

    def length(self, value: Value) -> int | None:
        """The most characters of a value that was checked, or of each text in it; None: any number."""
        if isinstance(value, Constant):
            return len(str(value.value))
        if isinstance(value, ListOf):
            found = [self.length(item) for item in value.items]
            return None if None in found else max((most for most in found if most is not None), default=0)
        return self._lengths.get(id(value))

    def value(self, value: Value, target: Shape, what: str, *, maybe: bool = False, empty: bool = False) -> bool:
        """Whether a value fits. Reports where it does not; `what` names the location for people.

        `maybe`: it may be absent. `empty`: an empty text counts as absent.
        """
        if isinstance(value, Constant):
            return self.constant(value, target, what, maybe=maybe)
        if isinstance(value, Expression):
            return self.expression(value, target, what, maybe=maybe, empty=empty)
        if isinstance(value, Template):
            return self.template(value, target, what, empty=empty)
        if isinstance(value, ListOf):
            return self.list_of(value, target, what)
        return self.map_of(value, target, what)

    def constant(self, value: Constant, target: Shape, what: str, *, maybe: bool) -> bool:
        """A value that stands in the flow."""
        source = of_constant(value)
        if source == NULL:
            if not maybe:
                text = f"{what} is needed, and null counts as absent: give {target}"
                self.report(value.location, FaultCode.INPUT_TYPE, text)
            return maybe
        plain = _without_refinement(target)
        if fits(source, plain, self.shapes):
            return True
        text = f"{what} is {target}, this is {source}"
        if target.refined == "duration" and source.kind is Kind.INT:
            number = value.value
            remedy = f"say of what, {number}s, {number}m, {number}h or {number}d"
            self.report(value.location, FaultCode.INPUT_TYPE, f"{text}: {remedy}")
        elif plain.kind is Kind.BOOL and str(value.value).lower() in YAML_1_1:
            self.report(
                value.location,
                FaultCode.YAML_TRAP,
                f"{text}: YAML 1.2 reads {value.value} as text. Write true or false",
            )
        elif plain.kind is Kind.TEXT and source.kind in (Kind.INT, Kind.NUMBER, Kind.BOOL):
            self.report(value.location, FaultCode.INPUT_TYPE, f"{text}: put it in quotes")
        else:
            self.report(value.location, FaultCode.INPUT_TYPE, f"{text}: give {target}")
        return False

    def expression(self, value: Expression, target: Shape, what: str, *, maybe: bool, empty: bool) -> bool:
        """A value that is one whole expression."""
        source = self.judge(value).shape
        self._lengths[id(value)] = joined([source])
        if source.kind is Kind.OPTIONAL:
            if not maybe and target != ANY:
                self.report(
                    value.location,
                    FaultCode.INPUT_TYPE,
                    f"{what} is needed, and this can be absent: give a default with `.orValue(…)`",
                )
                return False
            source = source.item or ANY
        if source == NULL and maybe:
            return True
        if empty:
            source = replace(source, filled=True, unless="") if source.kind is Kind.TEXT else source
        elif source.unless and not fits(TEXT, target, self.shapes) and fits(source, _any_length(target), self.shapes):
            text = (
                f"{what} is {target}, and this is empty where `{source.unless}` is false: ask `{source.unless}` first"
            )
            self.report(value.location, FaultCode.INPUT_TYPE, text)
            return False
        if fits(source, target, self.shapes):
            return True
        found = replace(source, filled=False) if source.kind is Kind.TEXT else source
        wrong = f"{what} is {target}, this is {found}" if what else f"{source} cannot stand here"
        self.report(value.location, FaultCode.INPUT_TYPE, f"{wrong}: {remedy(source, target)}")
        return False

    def template(self, value: Template, target: Shape, what: str, *, empty: bool) -> bool:
        """A text with expressions in it."""
        shapes: list[Shape] = []
        good, filled = True, empty or any(isinstance(part, str) and part for part in value.parts)
        for part in value.parts:
            if isinstance(part, Expression):
                source = self.judge(part).shape
                shapes.append(source)
                filled = filled or source.kind in _NEVER_EMPTY or (source.kind is Kind.TEXT and is_filled(source))
                if source.kind not in TEXT_PARTS:
                    good = False
                    self.report(
                        part.location,
                        FaultCode.INPUT_TYPE,
                        f"{source} cannot stand inside a text: name the field that is meant",
                    )
        # An address is put together more often than it is given whole.
        beside = sum(len(part) for part in value.parts if isinstance(part, str))
        made = replace(TEXT, filled=filled, most=joined(shapes, beside))
        self._lengths[id(value)] = made.most
        if good and not fits(made, target if target.refined != "url" else TEXT, self.shapes):
            self.report(
                value.location, FaultCode.INPUT_TYPE, f"{what} is {target}, this is a text: {remedy(made, target)}"
            )
            return False
        return good

    def list_of(self, value: ListOf, target: Shape, what: str) -> bool:
        """A list, element by element."""
        option = _option(target, Kind.LIST)
        if option is None:
            self.report(value.location, FaultCode.INPUT_TYPE, f"{what} is {target}, this is a list: give {target}")
            self.every(value, ANY)
            return False
        return self.every(value, option.item or ANY, what)

    def every(self, value: ListOf, item: Shape, what: str = "") -> bool:
        """Whether all elements fit."""
        fine = [self.value(each, item, f"each of {what}" if what else "", maybe=True) for each in value.items]
        return all(fine)  # every fault is reported, so nothing is cut short

    def map_of(self, value: MapOf, target: Shape, what: str) -> bool:
        """A map, key by key."""
        option = _option(target, Kind.OBJECT, Kind.MAP)
        if option is None:
            self.report(value.location, FaultCode.INPUT_TYPE, f"{what} is {target}, this is a map: give {target}")
            self.map_of(value, ANY, what)
            return False
        if option.kind is not Kind.OBJECT:
            item = option.item or ANY
            made = [self.value(each, item, f"{word.text!r} in {what}", maybe=True) for word, each in value.items]
            return all(made)
        thing = self.shapes.objects[option.name]
        good = True
        for word, each in value.items:
            field = thing.fields.get(word.text)
            if field is None and not thing.open:
                good = False
                near = suggestion(word.text, thing.fields)
                self.report(word.location, FaultCode.INPUT_UNEXPECTED, f"{what} has no {word.text!r}: {near}")
            field = field or Field(ANY, maybe=True)
            good = self.value(each, field.shape, f"{word.text!r} in {what}", maybe=field.maybe) and good
        for name, field in thing.fields.items():
            if field.required and all(word.text != name for word, _ in value.items):
                good = False
                self.report(value.location, FaultCode.INPUT_MISSING, f"{what} needs {name!r}, {field.shape}")
        return good

    def literal(self, value: Value, model: type[BaseInputs], name: str, what: str) -> bool:
        """Whether a value that stands in the flow is valid, as it will be when the step runs."""
        wrong = _wrong(model, name, plain_of(value))
        for where, message in wrong:
            text = message.removeprefix("Value error, ")
            self.report(_place_in(value, where), FaultCode.INPUT_VALUE, f"{what}: {text[:1].lower()}{text[1:]}")
        return not wrong


def _without(given: MapOf, names: Collection[str]) -> MapOf:
    """The inputs without those of these names."""
    return replace(given, items=tuple(item for item in given.items if item[0].text not in names))


def _wrong(model: type[BaseInputs], name: str, value: Any) -> list[tuple[tuple[int | str, ...], str]]:  # noqa: ANN401 - JSON
    """What is wrong with the value of one input, and where in it."""
    adapter = adapter_of(model, name)
    if adapter is not None:
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            return [(each["loc"], each["msg"]) for each in error.errors(include_url=False, include_context=False)]
    own = next((own for own in model.model_fields if name in (own, *names_of_field(model, own))), name)
    try:
        # With the model's own validators of this field, which the annotation does not tell.
        model.__pydantic_validator__.validate_assignment(model.model_construct(), own, value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        return [(each["loc"][1:], each["msg"]) for each in found if each["loc"][:1] == (own,)]
    except Exception:  # noqa: BLE001 - a rule of the whole model trips over the other fields, which are not there
        return []
    return []


def known_of(given: MapOf) -> dict[str, Any]:
    """The inputs that stand in the flow, and UNKNOWN for those that come with an event, also inside of lists."""
    return {word.text: _known(value) for word, value in given.items}


def _known(value: Value) -> Any:  # noqa: ANN401 - JSON, with UNKNOWN in it
    if isinstance(value, ListOf):
        return [_known(item) for item in value.items]
    if isinstance(value, MapOf):
        return {word.text: _known(item) for word, item in value.items}
    if isinstance(value, Template) and isinstance(value.parts[0], str):
        return BeginsWith(value.parts[0])
    return value.value if isinstance(value, Constant) else UNKNOWN


def of_constant(value: Constant) -> Shape:
    """The shape of a value that stands in the flow."""
    if value.value is None:
        return NULL
    if isinstance(value.value, bool):
        return BOOL
    if isinstance(value.value, int):
        return INT
    return NUMBER if isinstance(value.value, float) else TEXT


def _place_in(value: Value, where: tuple[int | str, ...]) -> Location:
    for part in where:
        if isinstance(value, ListOf) and isinstance(part, int) and part < len(value.items):
            value = value.items[part]
        elif isinstance(value, MapOf) and (found := {word.text: item for word, item in value.items}.get(str(part))):
            value = found
    return value.location


_NEVER_EMPTY = frozenset({Kind.INT, Kind.NUMBER, Kind.BOOL, Kind.TIME, Kind.DURATION})


def _any_length(shape: Shape) -> Shape:
    """The same, empty texts too."""
    if shape.kind is Kind.UNION:
        return replace(shape, options=tuple(_any_length(option) for option in shape.options))
    return replace(shape, filled=False) if shape.kind is Kind.TEXT else shape


def _without_refinement(shape: Shape) -> Shape:
    """A literal proves itself: a phone that stands in the flow is validated as one."""
    if shape.kind is Kind.UNION:
        return Shape(Kind.UNION, options=tuple(_without_refinement(option) for option in shape.options))
    return TEXT if shape.kind is Kind.TEXT else shape


def _option(target: Shape, *kinds: Kind) -> Shape | None:
    options = target.options if target.kind is Kind.UNION else (target,)
    return next((option for option in options if option.kind in (*kinds, Kind.ANY)), None)
