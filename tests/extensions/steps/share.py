"""`share`: do steps for a share of the subjects, always the same ones. For trying a new way on a few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from contracts.ids import stable_id
from services.flows.compile_values import Compiled, compile_value
from services.flows.keys import EXPRESSION, STEPS, Key
from services.flows.presence import join
from services.flows.steps.kind import Description, Look, Step, StepCheck, StepCompiler, StepReader, Way
from services.flows.steps.node import Execution, Node
from services.flows.steps.registry import step_kind
from services.flows.syntax import Value
from services.flows.wording import bare
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Scalar, Tree

IN, OUT = "in", "out"


@dataclass(frozen=True, slots=True)
class ShareStep(Step):
    """Do steps for so many of a hundred subjects."""

    kind = "share"
    rank = 55
    keys = (
        Key("share", "of a hundred, how many", {"type": "integer", "minimum": 1, "maximum": 99}, required=True),
        Key("of", "who is counted; the same one always goes the same way", EXPRESSION, required=True),
        Key("then", "the steps for these", STEPS, required=True),
    )

    percent: int
    of: Value
    then: tuple[Step, ...]

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self | None:
        """None where it does not say how many, and of whom."""
        given = keys["share"]
        percent = given.value if isinstance(given, Scalar) else None
        if not isinstance(percent, int) or isinstance(percent, bool) or not 1 <= percent <= 99:
            reader.fault(given.location, FaultCode.VALUE_INVALID, "`share` is a whole number from 1 to 99")
            return None
        for name in ("of", "then"):
            if name not in keys:
                reader.fault(tree.location, FaultCode.KEY_MISSING, f"`share` needs `{name}`")
        if "of" not in keys:
            return None
        then = reader.steps(keys.get("then"), "then", f"{path}.then.")
        return cls(path, tree.location, percent, reader.value(keys["of"]), then)

    def all_values(self) -> Iterator[Value]:
        """Who is counted."""
        yield self.of

    def ways(self) -> tuple[Way, ...]:
        """Those who belong to the share, and all others."""
        return Way(IN, self.then), Way(OUT)

    def check(self, check: StepCheck) -> None:
        """After it, only what both ways know is known."""
        check.key(self.of, "of")
        before = check.state
        check.state = join([check.way(before, self.then), before])

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """Both ways lead to what follows."""
        of, then = compile_value(self.of, compiler.env), compiler.chain(self.then, following)
        return ShareNode(self.path, self.percent, of, then, following)

    def describe(self) -> Description:
        """How many of whom."""
        return Description(f"{self.percent} of 100 by {bare(self.of)}", look=Look.CHOICE)


@dataclass(frozen=True, slots=True)
class ShareNode(Node):
    """Go the way of the share, or on."""

    percent: int
    of: Compiled
    then: Node | None
    following: Node | None

    def advance(self, execution: Execution) -> Node | None:
        """By a hash of who it is: the same on every replay, and in every run."""
        number = int(stable_id("share", self.path, str(self.of(execution.scope)))[:8], 16) % 100
        chosen = number < self.percent
        execution.trace(self.path, IN if chosen else OUT)
        return self.then if chosen else self.following


KIND = step_kind(ShareStep)
