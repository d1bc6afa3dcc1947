"""`set`: give names to values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from services.flows.compile_values import compile_map
from services.flows.infer_shapes import either
from services.flows.keys import Key
from services.flows.names import id_fault
from services.flows.scope import Scope
from services.flows.steps.kind import Description, Step, StepCheck, StepCompiler, StepReader
from services.flows.steps.node import Execution, Node
from services.flows.steps.registry import step_kind
from services.flows.syntax import MapOf, Value, Word
from services.flows.wording import pairs
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Tree


@dataclass(frozen=True, slots=True)
class SetStep(Step):
    """Give names to values."""

    kind = "set"
    rank = 60
    keys = (Key("set", "names for values", {"type": "object", "minProperties": 1}, required=True),)

    values: MapOf

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self | None:
        """None where it gives no name."""
        values = reader.value(keys["set"])
        if not isinstance(values, MapOf) or not values.items:
            reader.fault(values.location, FaultCode.VALUE_INVALID, "`set` is a map from names to values")
            return None
        for word, _ in values.items:
            if (why := id_fault(word.text)) is not None:
                reader.fault(word.location, FaultCode.ID_INVALID, why)
        return cls(path, tree.location, values)

    def all_values(self) -> Iterator[Value]:
        """All of them."""
        yield self.values

    def variables(self) -> tuple[Word, ...]:
        """All names."""
        return tuple(word for word, _ in self.values.items)

    def check(self, check: StepCheck) -> None:
        """All values see what was there before the step."""
        shapes = [(word.text, check.shape_of(value, f"{word.text!r}")) for word, value in self.values.items]
        for name, shape in shapes:
            if name not in check.names.variables:
                continue  # a name that cannot be used
            # It can have been set on another way than this one, and those meet again.
            check.variables[name] = either(check.variables[name], shape) if name in check.assigned else shape
            check.assigned.add(name)
            check.state = check.state.done(name)

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """The values, ready to be evaluated."""
        return SetNode(self.path, compile_map(self.values, compiler.env), following)

    def describe(self) -> Description:
        """Names and values."""
        return Description("set", pairs(self.values))


@dataclass(frozen=True, slots=True)
class SetNode(Node):
    """Give names to values."""

    values: Callable[[Scope], dict[str, Any]]
    following: Node | None

    def advance(self, execution: Execution) -> Node | None:
        """Evaluate all, then name them."""
        execution.outputs.update(self.values(execution.scope))
        return self.following


KIND = step_kind(SetStep)
