"""`switch`: go the way of the case that equals the subject, else the default way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from services.flows.cel import EvaluationError
from services.flows.check_expression import UNKNOWN, ExpressionFacts, equals
from services.flows.check_inputs import of_constant
from services.flows.compile_values import Compiled, compile_value
from services.flows.keys import EXPRESSION, STEPS, Key
from services.flows.logic import UNSURE, Formula, Not, Truth, verdict
from services.flows.presence import PresenceState, join
from services.flows.shapes import NULL, Kind
from services.flows.steps.kind import Description, Look, Step, StepCheck, StepCompiler, StepReader, Way
from services.flows.steps.node import Execution, Node
from services.flows.steps.registry import step_kind
from services.flows.syntax import Constant, Expression, ListOf, MapOf, Value
from services.flows.wording import bare
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.suggestion import suggestion
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Plain, Tree

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Case:
    """The steps for one value of a switch."""

    value: Constant
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class SwitchStep(Step):
    """Go the way of the case that equals the subject, else the default way."""

    kind = "switch"
    rank = 40
    keys = (
        Key("switch", "what the cases are compared with", EXPRESSION, required=True),
        Key(
            "cases",
            "from each value to its steps",
            {"type": "object", "additionalProperties": STEPS},
            required=True,
        ),
        Key("default", "the steps for all other values", STEPS),
    )

    subject: Value
    cases: tuple[Case, ...]
    default: tuple[Step, ...]

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self:
        """Without cases, all goes the default way."""
        cases: list[Case] = []
        listed = keys.get("cases")
        if not isinstance(listed, MappingTree) or not listed.items:
            location = listed.location if listed else tree.location
            reader.fault(location, FaultCode.KEY_MISSING, "`switch` needs `cases`: a map from each value to its steps")
        else:
            for number, (key, steps) in enumerate(listed.items):
                prefix = f"{path}.cases.{number}."
                cases.append(Case(Constant(key.value, key.location), reader.steps(steps, key.text, prefix)))
        default = reader.steps(keys.get("default"), "default", f"{path}.default.")
        return cls(path, tree.location, reader.value(keys["switch"]), tuple(cases), default)

    def all_values(self) -> Iterator[Value]:
        """The subject."""
        yield self.subject

    def ways(self) -> tuple[Way, ...]:
        """A way a case, and the default."""
        cases = (
            Way(f"case {_told(case.value.value)}", case.steps, label=_told(case.value.value)) for case in self.cases
        )
        return (*cases, Way(DEFAULT, self.default))

    def check(self, check: StepCheck) -> None:
        """Each case can be, and knows that no case before it was."""
        judgement = check.judge(self.subject) if isinstance(self.subject, Expression) else UNKNOWN
        subject = judgement.shape if judgement is not UNKNOWN else check.shape_of(self.subject)
        if isinstance(self.subject, Constant | ListOf | MapOf):
            text = "`switch` is an expression, such as ${ event.type }"
            check.report(self.subject.location, FaultCode.VALUE_INVALID, text)
        before = check.state
        ways = []
        for case in self.cases:
            shape = of_constant(case.value)
            alike = {shape.kind, subject.kind} <= {Kind.INT, Kind.NUMBER} or shape.kind is subject.kind
            if subject.kind not in (Kind.ANY, Kind.UNION) and not alike and shape != NULL:
                text = f"this case is {shape}, and `switch` has {subject}: it never fits"
                check.report(case.value.location, FaultCode.EXPRESSION_TYPE, text)
            formula = equals(judgement, case.value.value) if shape != NULL and alike else UNSURE
            _check_possible(check, formula, case, judgement, before)
            location = case.value.location
            ways.append(check.way(before.with_truth(_truth(formula, location, judgement)), case.steps))
            before = before.with_truth(_truth(Not(formula), location, judgement))
        ways.append(check.way(before, self.default))
        check.state = join(ways)

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """All ways lead to what follows."""
        cases = {_key(case.value.value): compiler.chain(case.steps, following) for case in self.cases}
        subject = compile_value(self.subject, compiler.env)
        return SwitchNode(self.path, subject, cases, compiler.chain(self.default, following))

    def describe(self) -> Description:
        """The subject."""
        return Description(f"switch {bare(self.subject)}", look=Look.CHOICE)


def _truth(formula: Formula, location: Location, judgement: ExpressionFacts) -> Truth:
    return Truth(formula, location.line, judgement.roots)


def _check_possible(
    check: StepCheck, formula: Formula, case: Case, judgement: ExpressionFacts, state: PresenceState
) -> None:
    """Reports a case that never comes."""
    value, values = case.value.value, judgement.shape.values
    if isinstance(value, str) and values and value not in values:
        text = f"this case never comes: it is never {value!r}, {suggestion(value, values)}"
        check.report(case.value.location, FaultCode.CONDITION_CONSTANT, text)
    elif formula != UNSURE and (found := verdict(formula, state.truths)) and not found.value:
        lines = " and ".join(str(line) for line in found.lines)
        why = f", by the condition in line {lines}" if lines else ""
        check.report(case.value.location, FaultCode.CONDITION_CONSTANT, f"this case never comes{why}: remove it")


def _told(value: Plain) -> str:
    """A value as a flow writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _key(value: Plain) -> tuple[bool, Plain]:
    """What is equal to a case: `true` is not 1 here, and equal to it in Python."""
    return isinstance(value, bool), value


@dataclass(frozen=True, slots=True)
class SwitchNode(Node):
    """Go the way of the equal case."""

    subject: Compiled
    cases: Mapping[tuple[bool, Plain], Node | None]
    default: Node | None

    def advance(self, execution: Execution) -> Node | None:
        """Compare."""
        subject = _comparable(self.subject(execution.scope))
        case = _key(subject)
        execution.trace(self.path, f"case {_told(subject)}" if case in self.cases else DEFAULT)
        return self.cases.get(case, self.default)


def _comparable(value: Any) -> Plain:  # noqa: ANN401 - a JSON value
    if isinstance(value, str | int | float | bool | None):
        return value
    raise EvaluationError("`switch` compares a text, a number, true or false, not a list or a map")


KIND = step_kind(SwitchStep)
