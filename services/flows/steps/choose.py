"""`if`: go one way or the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from services.flows.compile_values import Compiled, compile_value, truth_of
from services.flows.keys import EXPRESSION, STEPS, Key
from services.flows.presence import join
from services.flows.steps.kind import Description, Look, Step, StepCheck, StepCompiler, StepReader, Way
from services.flows.steps.node import Execution, Node
from services.flows.steps.registry import step_kind
from services.flows.syntax import Value
from services.flows.wording import bare
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Tree

THEN, ELSE = "then", "else"


@dataclass(frozen=True, slots=True)
class IfStep(Step):
    """Go one way or the other."""

    kind = "if"
    rank = 30
    keys = (
        Key("if", "true or false", EXPRESSION, required=True),
        Key("then", "the steps for when it is true", STEPS, required=True),
        Key("else", "the steps for when it is not", STEPS),
    )

    condition: Value
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...]

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self:
        """Without `then` it does nothing when the condition is true."""
        if "then" not in keys:
            reader.fault(tree.location, FaultCode.KEY_MISSING, "`if` needs `then`: the steps for when it is true")
        return cls(
            path,
            tree.location,
            reader.value(keys["if"]),
            reader.steps(keys.get("then"), "then", f"{path}.then."),
            reader.steps(keys.get("else"), "else", f"{path}.else."),
        )

    def all_values(self) -> Iterator[Value]:
        """The condition."""
        yield self.condition

    def ways(self) -> tuple[Way, ...]:
        """Both."""
        return Way(THEN, self.then), Way(ELSE, self.otherwise)

    def check(self, check: StepCheck) -> None:
        """Each way knows what the condition says there."""
        judgement = check.condition(self.condition, "if")
        before, location = check.state, self.condition.location
        then = check.way(check.where(before, judgement, location), self.then)
        otherwise = check.way(check.where(before, judgement, location, true=False), self.otherwise)
        check.state = join([then, otherwise])

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """Both ways lead to what follows."""
        condition = compile_value(self.condition, compiler.env)
        then, otherwise = compiler.chain(self.then, following), compiler.chain(self.otherwise, following)
        return IfNode(self.path, condition, then, otherwise)

    def describe(self) -> Description:
        """The condition."""
        return Description(f"if {bare(self.condition)}", look=Look.CHOICE)


@dataclass(frozen=True, slots=True)
class IfNode(Node):
    """Go one way or the other."""

    condition: Compiled
    then: Node | None
    otherwise: Node | None

    def advance(self, execution: Execution) -> Node | None:
        """Ask the condition."""
        true = truth_of(self.condition(execution.scope))
        execution.trace(self.path, THEN if true else ELSE)
        return self.then if true else self.otherwise


KIND = step_kind(IfStep)
