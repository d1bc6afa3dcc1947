"""The values of a flow: keys, conditions, and what any value is where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from services.flows.assignability import fits, remedy
from services.flows.catalogue import Catalogue
from services.flows.check_expression import UNKNOWN, ExpressionFacts, Report, check_expression
from services.flows.check_inputs import Inputs, of_constant
from services.flows.logic import Atom, Formula, Not, Truth, verdict
from services.flows.presence import Names, PresenceState
from services.flows.scope import EVENT_FIELDS
from services.flows.shapes import ANY, TEXT, Field, Kind, Shape
from services.flows.syntax import (
    Constant,
    Expression,
    ListOf,
    Template,
    Value,
)
from services.flows.types import TypedEnvironments
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.locations import Location

KEYS = (Kind.TEXT, Kind.INT, Kind.ANY, Kind.UNION)


_TIME = Shape(Kind.TEXT, refined="timestamp", most=40)
_NAMED = Shape(Kind.TEXT, most=512)
"""As contracts/events.py bounds what stands round an event's data."""


class ValueCheck:
    """The values of one flow: what each is, and what is wrong with it.

    `names` are those that the flow gives, `variables` what each is, as far as it is known; `state` is what is known
    where the check stands; `faults` what was found so far.
    """

    def __init__(self, file: str, catalogue: Catalogue, types: TypedEnvironments) -> None:
        self.file = file
        self.catalogue = catalogue
        self.types = types
        self.shapes = types.shapes
        self.faults: list[Fault] = []
        self.names = Names({}, {}, frozenset())
        self.variables: dict[str, Shape] = {}
        self.state = PresenceState()
        self.inputs = Inputs(self.shapes, self.judge, self._again, self._known, self.report)

    def report(self, location: Location, code: FaultCode, text: str) -> None:
        """Report a fault of this file."""
        self.faults.append(Fault(self.file, location.line, location.col, code, text))

    def event(self, types: Iterable[str]) -> Shape:
        """What `event` is, when it is of one of these types."""
        said = {"time": Field(_TIME), "type": Field(replace(TEXT, values=tuple(types)))}
        return self.shapes.once("`event`", dict.fromkeys(EVENT_FIELDS, Field(_NAMED)) | said)

    def judge(self, expression: Expression) -> ExpressionFacts:
        """What an expression is and says. Reports what is wrong with it."""
        return self._judged(expression, self.report)

    def _again(self, expression: Expression) -> ExpressionFacts:
        """The same of one that was judged: its faults are told."""
        return self._judged(expression, lambda *_: None)

    def _known(self, formula: Formula) -> bool:
        """Whether this is surely true here."""
        found = verdict(formula, self.state.truths)
        return found is not None and found.value

    def _judged(self, expression: Expression, report: Report) -> ExpressionFacts:
        found = check_expression(expression, self.types, self.variables, self.names, self.state, report=report)
        if found.shape.unless:  # of a variable: it was asked since
            said = verdict(Atom(found.shape.unless), self.state.truths)
            if said is not None and said.value:
                return replace(found, shape=replace(found.shape, unless=""))
        return found

    def key(self, value: Value, name: str) -> None:
        """A key of an event, a lane or a claim: a text that is not the same for all."""
        if isinstance(value, Expression):
            shape = self.judge(value).shape
            if shape.kind not in KEYS:
                self.report(value.location, FaultCode.EXPRESSION_TYPE, f"`{name}` is a text, this is {shape}")
        elif isinstance(value, Template):
            self.inputs.value(value, TEXT, f"`{name}`")
        else:
            text = f"`{name}` is an expression, such as ${{ trigger.from }}: with a fixed key, all runs have the same"
            self.report(value.location, FaultCode.VALUE_INVALID, text)

    def condition(self, value: Value, name: str) -> ExpressionFacts:
        """A condition: true or false, and not always the same."""
        if not isinstance(value, Expression):
            self.report(
                value.location, FaultCode.VALUE_INVALID, f"`{name}` is one expression, such as ${{ phone.valid }}"
            )
            return UNKNOWN
        judgement = self.judge(value)
        if judgement.shape.kind not in (Kind.BOOL, Kind.ANY):
            text = f"`{name}` is true or false, this is {judgement.shape}: compare it with something"
            self.report(value.location, FaultCode.EXPRESSION_TYPE, text)
        self.decided(judgement.formula, value.location, f"`{name}`")
        return judgement

    def decided(self, formula: Formula, location: Location, what: str) -> None:
        """Reports a condition that is always true or always false here."""
        found = verdict(formula, self.state.truths)
        if found is None:
            return
        lines = " and ".join(str(line) for line in found.lines)
        why = f" here, by the condition{'s' * (len(found.lines) > 1)} in line {lines}" if lines else ""
        remedy = "it decides nothing" if found.value else "what it guards never runs"
        text = f"{what} is always {str(found.value).lower()}{why}: {remedy}. Remove or correct it"
        self.report(location, FaultCode.CONDITION_CONSTANT, text)

    def where(
        self, state: PresenceState, judgement: ExpressionFacts, location: Location, *, true: bool = True
    ) -> PresenceState:
        """What is known where a condition holds, or does not."""
        formula = judgement.formula if true else Not(judgement.formula)
        state = state.with_facts(judgement.true if true else judgement.false)
        return state.with_truth(Truth(formula, location.line, judgement.roots))

    def shape_of(self, value: Value, needed: str = "") -> Shape:
        """The shape of any value, with all faults in it reported. `needed`: what it is for, if it must be there."""
        if isinstance(value, Expression):
            shape = self.judge(value).shape
            if shape.kind is Kind.OPTIONAL:
                shape = shape.item or ANY
                if needed:
                    text = f"{needed} has a value, and this can be absent: give a default with `.orValue(…)`"
                    self.report(value.location, FaultCode.FIELD_MAY_BE_ABSENT, text)
            if not fits(shape, ANY, self.shapes):
                self.report(
                    value.location, FaultCode.EXPRESSION_TYPE, f"a value cannot be {shape}: {remedy(shape, ANY)}"
                )
            return shape
        if isinstance(value, Constant):
            if needed and value.value is None:
                self.report(value.location, FaultCode.FIELD_MAY_BE_ABSENT, f"{needed} has a value, and null is none")
            return of_constant(value) if value.value is not None else ANY
        if isinstance(value, Template):
            self.inputs.value(value, TEXT, "")
            return TEXT
        if isinstance(value, ListOf):
            items = {self.shape_of(item) for item in value.items}
            return Shape(Kind.LIST, items.pop() if len(items) == 1 else ANY)
        items = {self.shape_of(item) for _, item in value.items}
        return Shape(Kind.MAP, items.pop() if len(items) == 1 else ANY)
