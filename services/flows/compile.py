"""Flow → compiled flow. Expressions are compiled once; every step knows what comes after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.actions import Priority
from services.flows.catalogue import Tool
from services.flows.cel import untyped
from services.flows.compile_values import compile_value
from services.flows.compiled import CompiledFlow
from services.flows.literals import plain_of
from services.flows.load import FlowSource
from services.flows.names import ROOTS, VARS
from services.flows.steps.kind import Step, StepCompiler, walk
from services.flows.steps.node import Node
from services.flows.steps.parts.deadline import Deadline, compile_deadline
from services.flows.versions import version_of

__all__ = ["CompiledFlow", "compile_flow"]


def compile_flow(source: FlowSource, tools: Mapping[str, Tool]) -> CompiledFlow:
    """The flow, ready to run.

    For flows that `check` found no fault in. Raises ValueError (ExpressionError is one) or KeyError for one that it
    would have refused: with faults of form, an expression that is none, or a tool that is not in `tools`.
    """
    if source.faults:
        raise ValueError(str(source.faults[0]))
    flow = source.flow
    steps = list(walk(flow.steps))
    outputs = {word.text for step in steps for word in step.outputs()}
    variables = {word.text for step in steps for word in step.variables()}
    variables |= {step.item.text for step in steps if step.item is not None}
    given = {VARS: plain_of(flow.vars)} if flow.vars is not None else {}
    env = untyped(ROOTS | outputs | variables | given.keys())
    compiler = _Compiler(tools, env, compile_deadline(flow.deadline, env))
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
        blanks={**given, **{name: {} for name in outputs}},
        matches=tuple({(trigger, match.source): (trigger, match) for trigger, match in compiler.matches}.values()),
        ending=frozenset(word.text for step in steps for word in step.triggers()),
    )


class _Compiler(StepCompiler):
    """Builds nodes from the last step to the first."""

    def __init__(self, tools: Mapping[str, Tool], env: Any, deadline: tuple[Deadline, ...]) -> None:  # noqa: ANN401 - the binding is untyped
        self.tools = tools
        self.env = env
        self.matches = []
        self.deadline = deadline
        self.nodes: dict[str, Node] = {}

    def chain(self, steps: tuple[Step, ...], following: Node | None) -> Node | None:
        for step in reversed(steps):
            following = self.nodes[step.path] = step.compile(self, following)
        return following
