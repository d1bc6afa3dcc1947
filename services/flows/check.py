"""The type checker: every fault of every flow, without running one."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from services.flows.catalogue import Action, Catalogue, Guarantee, Tool
from services.flows.check_expression import UNKNOWN, Judgement, equals, judge
from services.flows.check_inputs import known_of, of_constant
from services.flows.check_values import KEYS, ValueCheck
from services.flows.cycles import circles, told
from services.flows.faults import Fault, FaultCode, suggestion
from services.flows.infer_shapes import either
from services.flows.input_rules import guarantee_of, misplaced, verifiable
from services.flows.load import FlowSource
from services.flows.logic import UNSURE, Formula, Not, Truth, verdict
from services.flows.names import ERRORS, EVENT, TRIGGER
from services.flows.output_shapes import wrong_schemas
from services.flows.parse import MOST_ROUNDS
from services.flows.presence import Names, State, join, without
from services.flows.secrets import secrets
from services.flows.shapes import ANY, NULL, TEXT, Kind, Shape, Shapes
from services.flows.syntax import (
    ActionStep,
    CancelRule,
    Case,
    Constant,
    Expression,
    Fallback,
    ForEachStep,
    IfStep,
    ListOf,
    MapOf,
    RetryRule,
    SetStep,
    Step,
    StopStep,
    SwitchStep,
    Template,
    ToolStep,
    WaitStep,
    Word,
    walk,
)
from services.flows.types import Types

_LENGTHS = (Kind.TEXT, Kind.INT, Kind.NUMBER, Kind.ANY, Kind.UNION)
MOST_WAITS = 100
MOST_TRIES = 3
DEEPEST = 3  # loops in loops, each of which is tried for each try of the one around
_CONNECTION = re.compile(r"[a-z][a-z0-9_-]{0,62}")  # as in the connections file
_MOMENTS = (Kind.TEXT, Kind.ANY, Kind.UNION)


def check(flows: Sequence[FlowSource], catalogue: Catalogue, connections: Collection[str] | None = None) -> list[Fault]:
    """All faults of these flows, in order of place. Those of their form came with loading and are not repeated.

    `connections` are the names that actions may use; None: they are not checked. Never raises for what a flow holds.
    """
    shapes = Shapes()
    types = Types(shapes)
    faults: list[Fault] = []
    named: dict[str, FlowSource] = {}
    reached: dict[int, dict[str, tuple[Truth, ...]]] = {}
    for source in flows:
        one = _FlowCheck(source, catalogue, connections, types)
        faults += one.run()
        reached[id(source)] = one.reached
        first = named.setdefault(source.name, source)
        if source.name and first is not source:
            place = source.flow.name.place
            text = f"a flow {source.name!r} stands in {first.file}:{first.flow.name.place.line} already: rename one"
            faults.append(Fault(source.file, place.line, place.col, FaultCode.FLOW_DUPLICATE, text))
    for circle in circles(flows, catalogue, reached):
        place = circle[0].step.action.place
        faults.append(Fault(circle[0].source.file, place.line, place.col, FaultCode.CYCLE, told(circle)))
    return sorted(set(faults))


class _FlowCheck(ValueCheck):
    """The check of one flow: walks its steps in the order in which they run, and keeps what is known."""

    def __init__(
        self, source: FlowSource, catalogue: Catalogue, connections: Collection[str] | None, types: Types
    ) -> None:
        super().__init__(source, catalogue, types)
        self.connections = connections
        self.assigned: set[str] = set()
        self.loops: list[tuple[str, int]] = []
        self.reached: dict[str, tuple[Truth, ...]] = {}

    def run(self) -> list[Fault]:
        if self.flow.key is not None:
            self.key(self.flow.key, "key")
        if self.flow.when is not None:
            judgement = self.condition(self.flow.when, "when")
            self.state = self.where(self.state, judgement, self.flow.when.place)
        self.steps(self.flow.steps)
        for place, what in secrets(self.flow):
            text = f"this looks like {what}. Put it into a connection, and name that with `connection`"
            self.report(place, FaultCode.SECRET_IN_FLOW, text)
        return self.faults

    # Steps

    def steps(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            if not self.state.reachable:
                text = "no run comes here: every way before it ends with `stop`. Remove it, or the `stop`"
                self.report(step.place, FaultCode.STEP_UNREACHABLE, text)
                # What follows is checked as if it were reached, and reported once.
                self.state = replace(self.state, reachable=True, truths=())
            self.step(step)

    def step(self, step: Step) -> None:
        if isinstance(step, ToolStep):
            self.tool(step)
        elif isinstance(step, ActionStep):
            self.action(step)
        elif isinstance(step, IfStep):
            judgement = self.condition(step.condition, "if")
            before = self.state
            place = step.condition.place
            ways = [
                self.way(self.where(before, judgement, place), step.then),
                self.way(self.where(before, judgement, place, true=False), step.otherwise),
            ]
            self.state = join(ways)
        elif isinstance(step, SwitchStep):
            self.switch(step)
        elif isinstance(step, ForEachStep):
            self.for_each(step)
        elif isinstance(step, SetStep):
            self.set(step)
        elif isinstance(step, WaitStep):
            self.wait(step)
        else:
            self.stop(step)

    def way(self, state: State, steps: tuple[Step, ...]) -> State:
        """What is known after these steps, from this state on."""
        self.state = state
        self.steps(steps)
        return self.state

    def tool(self, step: ToolStep) -> None:
        tool = self.catalogue.tools.get(step.tool.text)
        if tool is None:
            other = " (it is an action: write `action:`)" if step.tool.text in self.catalogue.actions else ""
            near = suggestion(step.tool.text, self.catalogue.tools)
            self.report(step.tool.place, FaultCode.TOOL_UNKNOWN, f"no tool is named {step.tool.text!r}{other}: {near}")
        self.given(step.inputs, tool, step.tool)
        self.after(step)

    def action(self, step: ActionStep) -> None:
        self.reached[step.path] = self.state.truths
        action = self.catalogue.actions.get(step.action.text)
        if action is None:
            other = " (it is a tool: write `tool:`)" if step.action.text in self.catalogue.tools else ""
            near = suggestion(step.action.text, self.catalogue.actions)
            text = f"no action is named {step.action.text!r}{other}: {near}"
            self.report(step.action.place, FaultCode.ACTION_UNKNOWN, text)
        elif action.needs_connection and step.connection is None:
            text = f"`{action.name}` needs `connection`: the name of where it goes, from the connections file"
            self.report(step.action.place, FaultCode.CONNECTION_MISSING, text)
        if step.connection is not None:
            self.connection(step.connection)
        if action is not None and step.retry is not None:
            self.retried(step, action, step.retry)
        self.given(step.inputs, action, step.action)
        if action is not None:
            self.placed(step, action)
        if step.writes is not None:
            for word, value in step.writes.aliases:
                self.key(value, f"writes.{word.text}")
            self.inputs.value(step.writes.fields, ANY, "`writes.fields`")
        self.after(step)

    def connection(self, name: Word) -> None:
        """Whether it is there; without a list of those that are, whether it can be."""
        if self.connections is not None and name.text not in self.connections:
            near = suggestion(name.text, self.connections)
            self.report(name.place, FaultCode.CONNECTION_UNKNOWN, f"no connection is named {name.text!r}: {near}")
        elif not _CONNECTION.fullmatch(name.text):
            text = f"{name.text!r} is no name of a connection: a-z, 0-9, - and _, at most 63, beginning with a letter"
            self.report(name.place, FaultCode.VALUE_INVALID, text)

    def placed(self, step: ActionStep, action: Action) -> None:
        """What stands in the flow must go with its connection, or be right without one."""
        connection = step.connection.text if step.connection else None
        known = known_of(step.inputs)
        places = {word.text: value.place for word, value in step.inputs.items}
        if (text := misplaced(action, known, connection)) is not None:
            place = places.get(text.partition(":")[0], step.action.place)
            self.report(place, FaultCode.INPUT_VALUE, f"`{action.name}`: {text}")

    def retried(self, step: ActionStep, action: Action, rule: RetryRule) -> None:
        """Retries of what must not be done twice."""
        known = known_of(step.inputs)
        if (
            guarantee_of(action, known) is Guarantee.AT_MOST_ONCE
            and rule.attempts != 1
            and not verifiable(action, known)
        ):
            text = (
                f"`{action.name}` must not be repeated: a second call is a second effect. Remove `retry`: what surely"
                " had no effect is tried again without it, and what is unknown a person decides"
            )
            self.report(rule.place, FaultCode.RETRY_UNSAFE, text)

    def given(self, inputs: MapOf, entry: Tool | Action | None, owner: Word) -> None:
        if entry is None:
            self.inputs.value(inputs, ANY, "")
            return
        shape = self.shapes.of_model(entry.inputs, "validation", f"`{entry.name}`")
        self.inputs.check(inputs, entry.inputs, owner, shape)
        said = {(fault.line, fault.col) for fault in self.faults}
        for place, text in wrong_schemas(entry, inputs, self.shapes):
            if (place.line, place.col) not in said:
                self.report(place, FaultCode.INPUT_VALUE, text)

    def after(self, step: ToolStep | ActionStep) -> None:
        """What is known after a step that can fail."""
        name = step.id.text if step.id else None
        before = self.state
        done = before.done(name) if name else before
        if step.on_error is Fallback.STOP:
            self.state = done
            return
        # Another error can be held from here on.
        before, done = (replace(each, truths=without(each.truths, ERRORS)) for each in (before, done))
        tried = frozenset({f"?{name}"}) if name else frozenset()
        failed = before.with_facts(tried | (frozenset({f"{ERRORS}.{name}"}) if name else tried))
        steps = step.on_error if isinstance(step.on_error, tuple) else ()
        failed = replace(failed, may=done.may)
        self.state = join([done.with_facts(tried), self.way(failed, steps)])

    def switch(self, step: SwitchStep) -> None:
        judgement = self.judge(step.subject) if isinstance(step.subject, Expression) else UNKNOWN
        subject = judgement.shape if judgement is not UNKNOWN else self.shape_of(step.subject)
        if isinstance(step.subject, Constant | ListOf | MapOf):
            self.report(
                step.subject.place, FaultCode.VALUE_INVALID, "`switch` is an expression, such as ${ event.type }"
            )
        before = self.state
        ways = []
        for case in step.cases:
            shape = of_constant(case.value)
            alike = {shape.kind, subject.kind} <= {Kind.INT, Kind.NUMBER} or shape.kind is subject.kind
            if subject.kind not in (Kind.ANY, Kind.UNION) and not alike and shape != NULL:
                text = f"this case is {shape}, and `switch` has {subject}: it never fits"
                self.report(case.value.place, FaultCode.EXPRESSION_TYPE, text)
            formula = equals(judgement, case.value.value) if shape != NULL and alike else UNSURE
            self.never(formula, case, judgement, before)
            ways.append(self.way(before.with_truth(Truth(formula, case.value.place.line, judgement.roots)), case.steps))
            before = before.with_truth(Truth(Not(formula), case.value.place.line, judgement.roots))
        ways.append(self.way(before, step.default))
        self.state = join(ways)

    def never(self, formula: Formula, case: Case, judgement: Judgement, state: State) -> None:
        """Reports a case that never comes."""
        value, values = case.value.value, judgement.shape.values
        if isinstance(value, str) and values and value not in values:
            text = f"this case never comes: it is never {value!r}, {suggestion(value, values)}"
            self.report(case.value.place, FaultCode.CONDITION_CONSTANT, text)
        elif formula != UNSURE and (found := verdict(formula, state.truths)) and not found.value:
            lines = " and ".join(str(line) for line in found.lines)
            text = f"this case never comes, by the condition in line {lines}: remove it"
            self.report(case.value.place, FaultCode.CONDITION_CONSTANT, text)

    def for_each(self, step: ForEachStep) -> None:
        shape = self.shape_of(step.items)
        if shape.kind not in (Kind.LIST, Kind.ANY, Kind.UNION):
            text = f"`for_each` goes over a list, this is {shape}"
            self.report(step.items.place, FaultCode.EXPRESSION_TYPE, text)
        name = step.name.text
        if any(name == around for around, _ in self.loops):
            text = f"{name!r} hides the item of the loop around: give it another name with `as`"
            self.report(step.name.place, FaultCode.ID_DUPLICATE, text)
        self.limited(step)
        steps = {each.id.text for each in walk(step.do) if isinstance(each, ToolStep | ActionStep) and each.id}
        inner = {word.text for each in walk(step.do) if isinstance(each, SetStep) for word, _ in each.values.items}
        self.variables[name] = (shape.item or ANY) if shape.kind is Kind.LIST else ANY
        before = self.state.changed(inner | steps | {name})
        before = replace(before, may=before.may | inner)
        self.loops.append((name, step.limit))
        self.settle(before.done(name), step.do, inner & self.assigned)
        after = self.way(before.done(name), step.do)
        self.loops.pop()
        after = join([before, after.without(steps | {name})])
        self.state = replace(after, may=before.may)

    def settle(self, state: State, steps: tuple[Step, ...], names: set[str]) -> None:
        """Find what these names can be where a round begins: what they were, or what an earlier round made of them.

        A round is tried with what is known, until it adds nothing; after a few, they can be anything.
        """
        for _ in range(MOST_TRIES if len(self.loops) <= DEEPEST else 0):
            known = {name: self.variables[name] for name in names}
            if (found := self.tried(state, steps, names)) == known:
                return
            self.variables |= found
        self.variables |= dict.fromkeys(names, ANY)

    def tried(self, state: State, steps: tuple[Step, ...], names: set[str]) -> dict[str, Shape]:
        """What these names can be after these steps. Nothing is reported, and nothing else is learned."""
        kept = self.state, self.faults, self.variables, self.reached, self.assigned
        self.faults, self.variables = [], dict(self.variables)
        self.reached, self.assigned = dict(self.reached), set(self.assigned)
        self.way(state, steps)
        found = {name: self.variables[name] for name in names}
        self.state, self.faults, self.variables, self.reached, self.assigned = kept
        return found

    def limited(self, step: ForEachStep) -> None:
        """The rounds of loops inside each other, and of loops with a wait in them, are few."""
        rounds = step.limit
        for _, limit in self.loops:
            rounds *= limit
        waits = any(isinstance(each, WaitStep) for each in walk(step.do))
        most = MOST_WAITS if waits else MOST_ROUNDS
        if rounds > most:
            what = "waits" if waits else "rounds"
            text = f"this can be {rounds} {what}, and a run has at most {most}: give a smaller `limit`"
            self.report(step.place, FaultCode.LOOP_LIMIT, text)

    def set(self, step: SetStep) -> None:
        shapes = [(word.text, self.shape_of(value)) for word, value in step.values.items]
        for name, shape in shapes:
            if name not in self.names.variables:
                continue  # a name that cannot be used
            # It can have been set on another way than this one, and those meet again.
            self.variables[name] = either(self.variables[name], shape) if name in self.assigned else shape
            self.assigned.add(name)
            self.state = self.state.done(name)

    def wait(self, step: WaitStep) -> None:
        for value, name, kinds in ((step.length, "for", _LENGTHS), (step.until, "until", _MOMENTS)):
            if isinstance(value, Template):
                self.inputs.value(value, TEXT, f"`{name}` of `wait`")
            elif isinstance(value, Expression):
                shape = self.judge(value).shape
                if shape.kind not in kinds:
                    what = "a duration such as 2h, or a number of seconds" if name == "for" else "a moment, as text"
                    self.report(value.place, FaultCode.EXPRESSION_TYPE, f"`wait` takes {what}, this is {shape}")
        before = self.state
        if step.cancel is not None:
            self.cancel(step.cancel)
            ways = [before]
            if step.cancel.then is not Fallback.STOP:
                ways.append(self.way(before, step.cancel.then if isinstance(step.cancel.then, tuple) else ()))
            self.state = join(ways)

    def cancel(self, rule: CancelRule) -> None:
        """The event that ends a wait: its trigger, and the keys on both sides."""
        model = self.catalogue.triggers.get(rule.trigger.text)
        if model is None:
            near = suggestion(rule.trigger.text, self.catalogue.triggers)
            text = f"no trigger is named {rule.trigger.text!r}: {near}"
            self.report(rule.trigger.place, FaultCode.TRIGGER_UNKNOWN, text)
        self.key(rule.key, "cancel_on.key")
        if rule.match is not None:
            shape = self.shapes.of_model(model, "serialization", "`trigger`") if model else ANY
            seen = {TRIGGER: shape, EVENT: self.event([rule.trigger.text])}
            nothing = Names({}, {}, frozenset())
            found = judge(rule.match, self.types, seen, nothing, State(), report=self.report).shape
            if found.kind not in KEYS:
                self.report(rule.match.place, FaultCode.EXPRESSION_TYPE, f"`match` is a text, this is {found}")

    def stop(self, step: StopStep) -> None:
        if isinstance(step.reason, Expression | Template):
            self.inputs.value(step.reason, TEXT, "the reason of `stop`")
        self.state = replace(self.state, reachable=False)
