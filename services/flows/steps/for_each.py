"""`for_each`: do steps for each item of a list, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from services.flows.cel import EvaluationError
from services.flows.compile_values import Compiled, compile_value
from services.flows.keys import EXPRESSION, STEPS, TEXT, Key
from services.flows.names import id_fault
from services.flows.presence import PresenceState, join
from services.flows.shapes import ANY, Kind
from services.flows.steps.kind import Description, Step, StepCheck, StepCompiler, StepReader, Way, walk
from services.flows.steps.node import Execution, Node
from services.flows.steps.registry import step_kind
from services.flows.syntax import Value, Word
from services.flows.wording import bare
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Scalar, Tree

ITEM = "item"  # the name of an item where the flow gives none
ROUNDS = 100  # of a loop without `limit`
MOST_ROUNDS = 1000
MOST_WAITS = 100
MOST_TRIES = 3
DEEPEST = 3  # loops in loops, each of which is tried for each try of the one around


@dataclass(frozen=True, slots=True)
class ForEachStep(Step):
    """Do steps for each item of a list, one after the other."""

    kind = "for_each"
    rank = 50
    keys = (
        Key("for_each", "a list", {"anyOf": [EXPRESSION, {"type": "array"}]}, required=True),
        Key("as", "the name of an item; without it, `item`", TEXT),
        Key(
            "limit",
            "the most items that the list may have",
            {"type": "integer", "minimum": 1, "maximum": MOST_ROUNDS},
        ),
        Key("do", "the steps for each item", STEPS, required=True),
    )

    items: Value
    name: Word
    limit: int
    do: tuple[Step, ...]

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self:
        """What has no name, or no limit, has the default one."""
        name = reader.word(keys["as"], "the name of an item") if "as" in keys else None
        if name is not None and (fault := id_fault(name.text)) is not None:
            reader.fault(name.location, FaultCode.ID_INVALID, fault)
            name = None
        if "do" not in keys:
            reader.fault(tree.location, FaultCode.KEY_MISSING, "`for_each` needs `do`: the steps for each item")
        return cls(
            path,
            tree.location,
            reader.value(keys["for_each"]),
            name or Word(ITEM, keys["for_each"].location),
            _limit(reader, keys.get("limit")),
            reader.steps(keys.get("do"), "do", f"{path}.do."),
        )

    def all_values(self) -> Iterator[Value]:
        """The list."""
        yield self.items

    def ways(self) -> tuple[Way, ...]:
        """An item, or none any more."""
        return Way("each", self.do, traced=False), Way("no more", traced=False)

    @property
    def item(self) -> Word:
        """The item's name."""
        return self.name

    def check(self, check: StepCheck) -> None:
        """What a round gives to a name, the next one sees."""
        shape = check.shape_of(self.items, "`for_each`")
        if shape.kind not in (Kind.LIST, Kind.ANY, Kind.UNION):
            text = f"`for_each` goes over a list, this is {shape}"
            check.report(self.items.location, FaultCode.EXPRESSION_TYPE, text)
        name = self.name.text
        if any(name == around for around, _ in check.loops):
            text = f"{name!r} hides the item of the loop around: give it another name with `as`"
            check.report(self.name.location, FaultCode.ID_DUPLICATE, text)
        self._check_limit(check)
        steps = set(self._outputs())
        inner = {word.text for each in walk(self.do) for word in each.variables()}
        check.variables[name] = (shape.item or ANY) if shape.kind is Kind.LIST else ANY
        before = check.state.changed(inner | steps | {name})
        before = replace(before, may=before.may | inner)
        check.loops.append((name, self.limit))
        self._settle(check, before.done(name), inner & check.assigned)
        after = check.way(before.done(name), self.do)
        check.loops.pop()
        check.state = join([before, after.without(steps | {name})])

    def _settle(self, check: StepCheck, state: PresenceState, names: set[str]) -> None:
        """Find what these names can be where a round begins: what they were, or what an earlier round made of them.

        A round is tried with what is known, until it adds nothing; after a few, they can be anything.
        """
        for _ in range(MOST_TRIES if len(check.loops) <= DEEPEST else 0):
            known = {name: check.variables[name] for name in names}
            if (found := check.tried(state, self.do, names)) == known:
                return
            check.variables |= found
        check.variables |= dict.fromkeys(names, ANY)

    def _check_limit(self, check: StepCheck) -> None:
        """The rounds of loops inside each other, and of loops with a wait in them, are few."""
        rounds = self.limit
        for _, limit in check.loops:
            rounds *= limit
        waits = any(each.waits for each in walk(self.do))
        most = MOST_WAITS if waits else MOST_ROUNDS
        if rounds > most:
            what = "waits" if waits else "rounds"
            text = f"this can be {rounds} {what}, and a run has at most {most}: give a smaller `limit`"
            check.report(self.location, FaultCode.LOOP_LIMIT, text)

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """The last step of a round leads to the next round."""
        items = compile_value(self.items, compiler.env)
        first = compiler.chain(self.do, AgainNode(self.path))
        return EachNode(self.path, items, self.name.text, self.limit, first, self._outputs(), following)

    def describe(self) -> Description:
        """The item and the list."""
        return Description(f"for each {self.name.text} of {bare(self.items)}")

    def _outputs(self) -> tuple[str, ...]:
        """The names of outputs of steps inside."""
        return tuple(word.text for each in walk(self.do) for word in each.outputs())


def _limit(reader: StepReader, tree: Tree | None) -> int:
    if tree is None:
        return ROUNDS
    most = tree.value if isinstance(tree, Scalar) else None
    if isinstance(most, int) and not isinstance(most, bool) and 1 <= most <= MOST_ROUNDS:
        return most
    reader.fault(tree.location, FaultCode.VALUE_INVALID, f"`limit` is a whole number from 1 to {MOST_ROUNDS}")
    return ROUNDS


@dataclass(frozen=True, slots=True)
class EachNode(Node):
    """Begin a loop. `forgets`: the steps inside, whose outputs are those of one round."""

    items: Compiled
    name: str
    limit: int
    first: Node | None
    forgets: tuple[str, ...]
    following: Node | None

    def advance(self, execution: Execution) -> Node | None:
        """The list, which stays the same for the whole loop."""
        items = self.items(execution.scope)
        if not isinstance(items, list):
            raise EvaluationError("`for_each` goes over a list, this is none")
        if len(items) > self.limit:
            raise EvaluationError(f"`for_each` has {len(items)} items and `limit` is {self.limit}: nothing was done")
        if not items:
            return self.following
        execution.loops[self.path] = items
        return self.round(execution, 0)

    def round(self, execution: Execution, number: int) -> Node | None:
        """The round of this number, from 0; after the last one, what follows."""
        # What steps gave in the round before is not what they give in this one.
        for name in self.forgets:
            execution.outputs.pop(name, None)
            execution.errors.pop(name, None)
        if number == len(execution.loops[self.path]):
            del execution.loops[self.path], execution.iterations[self.path], execution.outputs[self.name]
            return self.following
        execution.iterations[self.path] = number
        execution.outputs[self.name] = execution.loops[self.path][number]
        return self.first


@dataclass(frozen=True, slots=True)
class AgainNode(Node):
    """The end of a round of the loop at `path`: the next one, or on."""

    traced: ClassVar[bool] = False

    def advance(self, execution: Execution) -> Node | None:
        """On with the next round."""
        loop = execution.nodes[self.path]
        assert isinstance(loop, EachNode)  # noqa: S101 - who makes an AgainNode makes it for a loop
        return loop.round(execution, execution.iterations[self.path] + 1)


KIND = step_kind(ForEachStep)
