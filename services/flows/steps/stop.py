"""`stop`: end the run as filtered, for a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

from services.flows.compile_values import Compiled, compile_value
from services.flows.keys import TEXT as TEXT_SCHEMA
from services.flows.keys import Key
from services.flows.outcomes import End
from services.flows.shapes import TEXT
from services.flows.steps.kind import Description, Look, Step, StepCheck, StepCompiler, StepReader
from services.flows.steps.node import Execution, Node
from services.flows.steps.registry import step_kind
from services.flows.syntax import Constant, Expression, ListOf, MapOf, Template, Value
from services.flows.wording import said
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Tree


@dataclass(frozen=True, slots=True)
class StopStep(Step):
    """End the run as filtered, for a reason."""

    kind = "stop"
    rank = 80
    keys = (Key("stop", "why the run ends here, as filtered", TEXT_SCHEMA, required=True),)

    reason: Value

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self:
        """The reason is a text."""
        reason = reader.value(keys["stop"])
        if isinstance(reason, ListOf | MapOf) or (isinstance(reason, Constant) and not isinstance(reason.value, str)):
            text = "`stop` takes the reason as text, such as `stop: no phone`"
            reader.fault(reason.location, FaultCode.VALUE_INVALID, text)
        return cls(path, tree.location, reason)

    def all_values(self) -> Iterator[Value]:
        """The reason."""
        yield self.reason

    def check(self, check: StepCheck) -> None:
        """No run gets past it."""
        if isinstance(self.reason, Expression | Template):
            check.inputs.value(self.reason, TEXT, "the reason of `stop`")
        check.state = replace(check.state, reachable=False)

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """Nothing follows."""
        del following
        return StopNode(self.path, compile_value(self.reason, compiler.env))

    def describe(self) -> Description:
        """The reason."""
        return Description(f"stop: {said(self.reason)}", look=Look.STOP, ends=True)


@dataclass(frozen=True, slots=True)
class StopNode(Node):
    """End as filtered."""

    reason: Compiled

    def advance(self, execution: Execution) -> End:
        """The end."""
        reason = self.reason(execution.scope)
        return execution.filtered(reason if isinstance(reason, str) else str(reason))


KIND = step_kind(StopStep)
