"""Flow → compiled flow. Expressions are compiled once; every step knows what comes after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.actions import Priority, Retry
from services.flows.catalogue import Tool
from services.flows.cel import untyped
from services.flows.compile_values import compile_map, compile_value
from services.flows.compiled import (
    ActionNode,
    AgainNode,
    CompiledFlow,
    EachNode,
    Failing,
    IfNode,
    Node,
    SetNode,
    StopNode,
    SwitchNode,
    ToolNode,
    WaitNode,
    WritesNode,
)
from services.flows.load import FlowSource
from services.flows.names import ROOTS
from services.flows.syntax import (
    ActionStep,
    Fallback,
    ForEachStep,
    HoursRule,
    IfStep,
    MapOf,
    RetryRule,
    SetStep,
    Step,
    StopStep,
    SwitchStep,
    ToolStep,
    WaitStep,
    WritesRule,
    walk,
)
from services.flows.versions import version_of
from services.flows.waiting import Cancel, Match, Wait
from services.flows.working_hours import WorkingHours, days_of, holidays_of, stretches_of, zone_of

__all__ = ["CompiledFlow", "compile_flow"]


def compile_flow(source: FlowSource, tools: Mapping[str, Tool]) -> CompiledFlow:
    """The flow, ready to run.

    For flows that `check` found no fault in. Raises ValueError (ExpressionError is one) or KeyError for one that it
    would have refused: with faults of form, an expression that is none, or a tool that is not in `tools`.
    """
    if source.faults:
        raise ValueError(str(source.faults[0]))
    flow = source.flow
    outputs = {step.id.text for step in walk(flow.steps) if isinstance(step, ToolStep | ActionStep) and step.id}
    variables = {word.text for step in walk(flow.steps) if isinstance(step, SetStep) for word, _ in step.values.items}
    variables |= {step.name.text for step in walk(flow.steps) if isinstance(step, ForEachStep)}
    compiler = _Compiler(tools, untyped(ROOTS | outputs | variables))
    first = compiler.chain(flow.steps, None)
    return CompiledFlow(
        name=flow.name.text,
        version=version_of(flow),
        triggers=tuple(word.text for word in flow.triggers),
        key=compile_value(flow.key, compiler.env) if flow.key is not None else None,
        when=compile_value(flow.when, compiler.env) if flow.when is not None else None,
        priority=Priority(flow.priority.text) if flow.priority is not None else Priority.NORMAL,
        first=first,
        nodes=compiler.nodes,
        blanks={name: {} for name in outputs},
        matches=tuple({(trigger, match.source): (trigger, match) for trigger, match in compiler.matches}.values()),
    )


class _Compiler:
    """Builds nodes from the last step to the first, so that each can hold the one after it."""

    def __init__(self, tools: Mapping[str, Tool], env: Any) -> None:  # noqa: ANN401 - the binding is untyped
        self.tools = tools
        self.env = env
        self.nodes: dict[str, Node] = {}
        self.matches: list[tuple[str, Match]] = []

    def chain(self, steps: tuple[Step, ...], following: Node | None) -> Node | None:
        """The first node of a list of steps, after which `following` comes."""
        for step in reversed(steps):
            following = self.nodes[step.path] = self.node(step, following)
        return following

    def node(self, step: Step, following: Node | None) -> Node:
        if isinstance(step, ToolStep):
            return ToolNode(
                step.path,
                step.id.text if step.id else None,
                self.tools[step.tool.text],
                compile_map(step.inputs, self.env),
                self.failing(step.on_error, following),
                following,
            )
        if isinstance(step, ActionStep):
            return ActionNode(
                step.path,
                step.id.text if step.id else None,
                step.action.text,
                step.connection.text if step.connection else None,
                compile_map(step.inputs, self.env),
                _retry(step.retry),
                step.timeout_seconds,
                self.failing(step.on_error, following),
                following,
                self.writes(step.writes) if step.writes else None,
            )
        if isinstance(step, IfStep):
            condition = compile_value(step.condition, self.env)
            then, otherwise = self.chain(step.then, following), self.chain(step.otherwise, following)
            return IfNode(step.path, condition, then, otherwise)
        if isinstance(step, SwitchStep):
            cases = {
                (isinstance(case.value.value, bool), case.value.value): self.chain(case.steps, following)
                for case in step.cases
            }
            subject = compile_value(step.subject, self.env)
            return SwitchNode(step.path, subject, cases, self.chain(step.default, following))
        if isinstance(step, ForEachStep):
            inner = [each.id.text for each in walk(step.do) if isinstance(each, ToolStep | ActionStep) and each.id]
            items = compile_value(step.items, self.env)
            first = self.chain(step.do, AgainNode(step.path))
            return EachNode(step.path, items, step.name.text, step.limit, first, tuple(inner), following)
        if isinstance(step, SetStep):
            return SetNode(step.path, compile_map(step.values, self.env), following)
        if isinstance(step, WaitStep):
            return self.wait(step, following)
        assert isinstance(step, StopStep)  # noqa: S101 - the last kind: tells the type checker
        return StopNode(step.path, compile_value(step.reason, self.env))

    def writes(self, rule: WritesRule) -> WritesNode:
        return WritesNode(
            rule.system.text if rule.system else "",
            compile_map(MapOf(rule.aliases, rule.place), self.env),
            compile_map(rule.fields, self.env),
        )

    def wait(self, step: WaitStep, following: Node | None) -> WaitNode:
        wait = Wait(
            compile_value(step.length, self.env) if step.length is not None else None,
            compile_value(step.until, self.env) if step.until is not None else None,
            zone_of(step.zone.text) if step.zone else None,
            _hours(step.hours) if step.hours else None,
        )
        rule = step.cancel
        if rule is None:
            return WaitNode(step.path, wait, None, None, following)
        match = rule.match.source if rule.match else ""
        if rule.match:
            self.matches.append((rule.trigger.text, Match(match, compile_value(rule.match, untyped(ROOTS)))))
        cancel = Cancel(rule.trigger.text, compile_value(rule.key, self.env), match)
        return WaitNode(step.path, wait, cancel, self.failing(rule.then, following), following)

    def failing(self, on_error: Fallback | tuple[Step, ...], following: Node | None) -> Failing | None:
        if isinstance(on_error, tuple):
            return Failing(self.chain(on_error, following))
        return Failing(following) if on_error is Fallback.CONTINUE else None


def _hours(rule: HoursRule) -> WorkingHours:
    zone = zone_of(rule.zone.text)
    given: dict[str, Any] = {}
    if rule.days is not None:
        given["days"] = days_of(rule.days)
    if rule.hours is not None:
        given["stretches"] = stretches_of(rule.hours)
    return WorkingHours(zone, holidays=holidays_of(rule.holidays), **given)


def _retry(rule: RetryRule | None) -> Retry:
    if rule is None:
        return Retry()
    given = {
        "attempts": rule.attempts,
        "within_seconds": rule.within_seconds,
        "schedule_seconds": rule.schedule_seconds or None,
    }
    return Retry.model_validate({name: value for name, value in given.items() if value is not None})
