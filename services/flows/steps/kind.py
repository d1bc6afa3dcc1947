"""What a kind of step is: one frozen class that says all there is to say of it. CONTRIBUTING.md, "Add a step kind".

    keys         what may stand in it, with help: the parser, its suggestions and the editor's schema follow
    parse        YAML → step, with a StepReader
    check        its faults before the first run, with a StepCheck
    compile      step → node, with a StepCompiler; the node's `advance` does the step (node.py)
    describe     its title and details for people
    all_values   the values that stand in it: secrets are looked for in these
    ways         where a run can go from it, with the steps inside: pictures, coverage and all walks follow these

The rest of the language knows no kind. It asks every step for these, and the kinds for their keys (registry.py).

A step's path says where it stands: `2` is the third step, `2.then.0` the first of its `then`, `2.cases.1.0` the first
step of its second case. Paths name steps in runs, effects and dead letters, and are the same on every machine.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, Protocol, Self

from services.flows.catalogue import Action, Catalogue, Tool
from services.flows.check_values import ValueCheck
from services.flows.keys import Keys, Schema
from services.flows.lookup_tables import Tables
from services.flows.parse_values import Values
from services.flows.presence import PresenceState
from services.flows.shapes import ANY, Shape
from services.flows.steps.node import Failing, Node
from services.flows.steps.parts.deadline import Deadline, DeadlineRule
from services.flows.steps.parts.writes import WritesRule
from services.flows.syntax import MapOf, Value, Word
from services.flows.waiting import WaitMatch
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Scalar, Sequence, Tree


class Fallback(Enum):
    """What a step's failure does, where it has no steps of its own for it."""

    STOP = "stop"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Way:
    """A way on from a step."""

    name: str
    """As traces, coverage and expected paths call it."""
    steps: tuple[Step, ...] = ()
    """What is done on it, before what comes after the step."""
    label: str = ""
    """As pictures call it; empty: its name."""
    ends: bool = False
    """The run ends there."""
    traced: bool = True
    """Runs tell when they take it, so tests can be asked to."""
    drawn: bool = True
    """Pictures show it, also when no step stands on it."""


class Look(Enum):
    """How pictures draw a box."""

    STEP = "step"
    CALL = "call"
    CHOICE = "choice"
    WAIT = "wait"
    STOP = "stop"
    START = "start"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Description:
    """A step for people. `ends`: nothing comes after it."""

    title: str
    details: tuple[str, ...] = ()
    look: Look = Look.STEP
    ends: bool = False


class Call(Protocol):
    """A step that calls something outside, as the search for circles sees it."""

    @property
    def path(self) -> str:
        """Where the step stands."""

    @property
    def action(self) -> Word:
        """What is done there."""

    @property
    def connection(self) -> Word | None:
        """Where the call goes."""

    @property
    def inputs(self) -> MapOf:
        """What it is given."""

    @property
    def writes(self) -> WritesRule | None:
        """What it sets, where the flow says it."""


@dataclass(frozen=True, slots=True)
class Step(ABC):
    """One step of a flow. A kind is a subclass, frozen, with its own parts as fields.

    A flow's version is a hash of its steps' class names and fields: a new field has a default that is None, (), or "",
    and neither is ever renamed.
    """

    kind: ClassVar[str]
    """The key that says what the step does."""
    rank: ClassVar[int]
    """Where it stands in lists of all kinds; kinds of one rank by their names."""
    keys: ClassVar[Keys]
    """All its keys, `kind` among them."""
    definitions: ClassVar[Mapping[str, Schema]] = {}
    """What the schemas of its keys refer to (`keys.ref`), beside what all may: expression, duration, steps, trigger."""
    waits: ClassVar[bool] = False
    """Whether a run can stand here for days: a loop has few such rounds."""

    path: str
    location: Location

    @classmethod
    @abstractmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self | None:
        """The step of these keys; None where what makes it one is missing. What is wrong is reported to the reader.

        The own key is always there; all others may be absent, and any may hold anything.
        """

    @abstractmethod
    def check(self, check: StepCheck) -> None:
        """Report what is wrong, and leave in `check.state` what is known after the step."""

    @abstractmethod
    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """The node, after which `following` comes. Only steps without faults come here."""

    @abstractmethod
    def describe(self) -> Description:
        """The step for people."""

    @abstractmethod
    def all_values(self) -> Iterable[Value]:
        """The values that stand in it, without those of the steps inside."""

    def ways(self) -> tuple[Way, ...]:
        """All ways on; none when there is only one, without steps of its own."""
        return ()

    @classmethod
    def entries(cls, catalogue: Catalogue) -> Mapping[str, Tool] | Mapping[str, Action] | None:
        """What the own key names, if that is of the catalogue: editors offer the names, and the inputs under `with`."""
        del catalogue
        return None

    @property
    def output(self) -> Word | None:
        """The name that later expressions see its output by."""
        return None

    def output_shape(self, check: ValueCheck) -> Shape:
        """What its output is."""
        del check
        return ANY

    def outputs(self) -> tuple[Word, ...]:
        """All names that later expressions see something of it by, where it gave that."""
        return () if self.output is None else (self.output,)

    def output_shapes(self, check: ValueCheck) -> Mapping[str, Shape]:
        """What each of `outputs` is."""
        return {} if self.output is None else {self.output.text: self.output_shape(check)}

    @property
    def survivable(self) -> bool:
        """Whether runs can go on although it failed."""
        return False

    def variables(self) -> tuple[Word, ...]:
        """The names that it gives a value."""
        return ()

    @property
    def item(self) -> Word | None:
        """A name that only the steps inside see."""
        return None

    def triggers(self) -> tuple[Word, ...]:
        """The events that it waits for."""
        return ()

    def call(self) -> Call | None:
        """What it calls outside."""
        return None

    @property
    def label(self) -> str:
        """What people call it: the name of its output, else its kind and path."""
        return self.output.text if self.output is not None else f"{self.kind} {self.path}"


Reaction = Fallback | tuple[Step, ...]
"""What a failure, or the end of a wait, does."""


def walk(steps: Iterable[Step]) -> Iterator[Step]:
    """All steps, also inside others, in the order of the file."""
    for step in steps:
        yield step
        for way in step.ways():
            yield from walk(way.steps)


class StepReader(Values, ABC):
    """What a kind is parsed with: values (services/flows/parse_values.py), and the steps that stand inside."""

    tables: Tables

    @abstractmethod
    def steps(self, tree: Tree | None, name: str, prefix: str) -> tuple[Step, ...]:
        """The steps of a list under the key `name`. `prefix` begins their paths, such as `2.then.`."""

    def reaction(self, tree: Tree | None, name: str, prefix: str) -> Reaction:
        """`stop`, `continue`, or steps."""
        if tree is None:
            return Fallback.STOP
        if isinstance(tree, Sequence):
            return self.steps(tree, name, prefix)
        if isinstance(tree, Scalar) and tree.value in ("stop", "continue"):
            return Fallback(tree.value)
        self.fault(tree.location, FaultCode.VALUE_INVALID, f"`{name}` is `stop`, `continue`, or a list of steps")
        return Fallback.STOP


class StepCheck(ValueCheck, ABC):
    """What a kind is checked with: values (services/flows/check_values.py), and the steps that stand inside."""

    connections: Collection[str] | None
    """Those that calls may use; None: any."""
    deadline: DeadlineRule | None
    """The flow's, for the calls that are checked now: none inside of `on_deadline`."""
    assigned: set[str]
    """Variables that were given a value so far, on whatever way."""
    loops: list[tuple[str, int]]
    """The loops around: the name of the item, and how many items there can be."""

    @abstractmethod
    def steps(self, steps: tuple[Step, ...]) -> None:
        """Check these, one after the other, from `state` on."""

    def way(self, state: PresenceState, steps: tuple[Step, ...]) -> PresenceState:
        """What is known after these steps, from this state on."""
        self.state = state
        self.steps(steps)
        return self.state

    @abstractmethod
    def tried(self, state: PresenceState, steps: tuple[Step, ...], names: AbstractSet[str]) -> dict[str, Shape]:
        """What these names can be after these steps. Nothing is reported, and nothing else is learned."""


class StepCompiler(ABC):
    """What a kind is compiled with: from the last step to the first, so that each node can hold the one after it."""

    tools: Mapping[str, Tool]
    env: Any
    """For expressions (services/flows/compile_values.py)."""
    deadline: tuple[Deadline, ...]
    """The flow's, for the calls that are compiled now: none inside of `on_deadline`."""
    matches: list[tuple[str, WaitMatch]]
    """How waits read the key of an event, by trigger."""

    @abstractmethod
    def chain(self, steps: tuple[Step, ...], following: Node | None) -> Node | None:
        """The first node of these steps, after which `following` comes."""

    def failing(self, reaction: Reaction, following: Node | None, name: str | None = None) -> Failing | None:
        """Where a run goes on after a failure, if it does. `name`: what the error is kept by; None: the path."""
        if isinstance(reaction, tuple):
            return Failing(self.chain(reaction, following), name)
        return Failing(following, name) if reaction is Fallback.CONTINUE else None
