"""The type checker: every fault of every flow, without running one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from services.flows.catalogue import Catalogue
from services.flows.check_dollars import without_dollar
from services.flows.check_names import names_of, typed_variables
from services.flows.cycles import circles, told
from services.flows.input_rules import InputsBugError
from services.flows.load import FlowSource
from services.flows.logic import Truth
from services.flows.names import ROOTS, VARS
from services.flows.presence import PresenceState
from services.flows.secrets import masked, secrets
from services.flows.shapes import Shape, Shapes
from services.flows.steps.kind import Step, StepCheck
from services.flows.steps.parts import deadline
from services.flows.types import TypedEnvironments
from services.flows.vars import Vars
from services.runtime.documents.faults import Fault, FaultCode


def check(flows: Sequence[FlowSource], catalogue: Catalogue, connections: Collection[str] | None = None) -> list[Fault]:
    """All faults of these flows, in order of location. Those of their form came with loading and are not repeated.

    `connections` are the names that actions may use; None: they are not checked. Never raises for what a flow holds.
    """
    shapes = Shapes()
    types = TypedEnvironments(shapes)
    faults: list[Fault] = []
    named: dict[str, FlowSource] = {}
    reached: dict[int, dict[str, tuple[Truth, ...]]] = {}
    for source in flows:
        try:
            one = _FlowCheck(source, catalogue, connections, types)
            faults += one.run()
        except InputsBugError as error:
            faults.append(_bug(source, error))
            continue
        reached[id(source)] = one.reached
        first = named.setdefault(source.name, source)
        if source.name and first is not source:
            location = source.flow.name.location
            text = f"a flow {source.name!r} stands in {first.file}:{first.flow.name.location.line} already: rename one"
            faults.append(Fault(source.file, location.line, location.col, FaultCode.FLOW_DUPLICATE, text))
    sound = [source for source in flows if id(source) in reached]
    for circle in circles(sound, catalogue, reached):
        location = circle[0].call.action.location
        faults.append(Fault(circle[0].source.file, location.line, location.col, FaultCode.CYCLE, told(circle)))
    return sorted({replace(fault, text=masked(fault.text)) for fault in faults})


def _bug(source: FlowSource, error: InputsBugError) -> Fault:
    location = source.flow.name.location
    return Fault(source.file, location.line, location.col, FaultCode.BUG, str(error))


class _FlowCheck(StepCheck):
    """The check of one flow: walks its steps in the order in which they run, and keeps what is known."""

    def __init__(
        self, source: FlowSource, catalogue: Catalogue, connections: Collection[str] | None, types: TypedEnvironments
    ) -> None:
        super().__init__(source.file, catalogue, types)
        self.flow = source.flow
        self.text = source.text
        self.connections = connections
        self.assigned = set()
        self.loops = []
        self.reached: dict[str, tuple[Truth, ...]] = {}
        self.names = names_of(self.flow.steps, self)
        self.variables = typed_variables(self.flow, self.names, self)
        if source.vars.types:
            self._see_vars(source.vars)

    def _see_vars(self, given: Vars) -> None:
        """What the deployment gives is seen by the name `vars`, which nothing else can have then."""
        taken = {**self.names.steps, **self.names.variables}.get(VARS)
        if taken is not None:
            text = f"{VARS!r} is taken: it holds what flows.yaml declares. Choose another name"
            self.report(taken, FaultCode.ID_INVALID, text)
        self.variables[VARS] = self.shapes.once("`vars`", given.fields())

    def run(self) -> list[Fault]:
        if self.flow.key is not None:
            self.key(self.flow.key, "key")
        self.deadline = self.flow.deadline
        if self.flow.deadline is not None:
            deadline.check(self, self.flow.deadline)
        if self.flow.when is not None:
            judgement = self.condition(self.flow.when, "when")
            self.state = self.where(self.state, judgement, self.flow.when.location)
        self.steps(self.flow.steps)
        for location, text in secrets(self.flow, self.text):
            self.report(location, FaultCode.SECRET_IN_FLOW, text)
        told = {(fault.line, fault.col) for fault in self.faults}
        for location, text in without_dollar(self.flow, {*ROOTS, *self.names.steps, *self.names.variables}):
            if (location.line, location.col) not in told:
                self.report(location, FaultCode.EXPRESSION_INVALID, text)
        return self.faults

    def steps(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            if not self.state.reachable:
                text = "no run comes here: every way before it ends with `stop`. Remove it, or the `stop`"
                self.report(step.location, FaultCode.STEP_UNREACHABLE, text)
                # What follows is checked as if it were reached, and reported once.
                self.state = replace(self.state, reachable=True, truths=())
            if step.call() is not None:
                self.reached[step.path] = self.state.truths
            step.check(self)

    def tried(self, state: PresenceState, steps: tuple[Step, ...], names: AbstractSet[str]) -> dict[str, Shape]:
        kept = self.state, self.faults, self.variables, self.reached, self.assigned
        self.faults, self.variables = [], dict(self.variables)
        self.reached, self.assigned = dict(self.reached), set(self.assigned)
        self.way(state, steps)
        found = {name: self.variables[name] for name in names}
        self.state, self.faults, self.variables, self.reached, self.assigned = kept
        return found
