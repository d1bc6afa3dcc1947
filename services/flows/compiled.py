"""A compiled flow: its steps as nodes that know what comes next, each under its path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.actions import Priority, Retry
from services.flows.catalogue import Tool
from services.flows.compile_values import Compiled
from services.flows.scope import Scope
from services.flows.waiting import Cancel, Match, Wait
from services.flows.yaml_tree import Plain


@dataclass(frozen=True, slots=True)
class Failing:
    """Where a run goes when a step fails and the flow goes on in spite of it. `then` is None at the end of the flow."""

    then: Node | None


@dataclass(frozen=True, slots=True)
class ToolNode:
    """Apply a tool."""

    path: str
    name: str | None
    tool: Tool
    inputs: Callable[[Scope], dict[str, Any]]
    failing: Failing | None
    following: Node | None


@dataclass(frozen=True, slots=True)
class WritesNode:
    """What a call sets, as the flow says it."""

    system: str
    aliases: Callable[[Scope], dict[str, Any]]
    fields: Callable[[Scope], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ActionNode:
    """Ask services/actions for a call."""

    path: str
    name: str | None
    action: str
    connection: str | None
    inputs: Callable[[Scope], dict[str, Any]]
    retry: Retry
    timeout_seconds: float | None
    failing: Failing | None
    following: Node | None
    writes: WritesNode | None = None


@dataclass(frozen=True, slots=True)
class IfNode:
    """Go one way or the other."""

    path: str
    condition: Compiled
    then: Node | None
    otherwise: Node | None


@dataclass(frozen=True, slots=True)
class SwitchNode:
    """Go the way of the equal case. The key tells `true` from 1, which are equal in Python."""

    path: str
    subject: Compiled
    cases: Mapping[tuple[bool, Plain], Node | None]
    default: Node | None


@dataclass(frozen=True, slots=True)
class EachNode:
    """Begin a loop. `forgets`: the steps inside, whose outputs are those of one round."""

    path: str
    items: Compiled
    name: str
    limit: int
    first: Node | None
    forgets: tuple[str, ...]
    following: Node | None


@dataclass(frozen=True, slots=True)
class AgainNode:
    """The end of a round of the loop at `path`: the next one, or on."""

    path: str


@dataclass(frozen=True, slots=True)
class SetNode:
    """Give names to values."""

    path: str
    values: Callable[[Scope], dict[str, Any]]
    following: Node | None


@dataclass(frozen=True, slots=True)
class StopNode:
    """End as filtered."""

    path: str
    reason: Compiled


@dataclass(frozen=True, slots=True)
class WaitNode:
    """Wait. `cancelled` is where the run goes when an event ended the wait; None: it ends there, as filtered."""

    path: str
    wait: Wait
    cancel: Cancel | None
    cancelled: Failing | None
    following: Node | None


Node = ToolNode | ActionNode | IfNode | SwitchNode | SetNode | StopNode | WaitNode | EachNode | AgainNode


@dataclass(frozen=True, slots=True)
class CompiledFlow:
    """One version of one flow, ready to run. Immutable; safe to share between threads.

    `matches` says how its waits read the key of an event, by trigger.
    """

    name: str
    version: str
    triggers: tuple[str, ...]
    key: Compiled | None
    when: Compiled | None
    first: Node | None
    nodes: Mapping[str, Node]
    blanks: Mapping[str, Mapping[str, Any]]
    matches: tuple[tuple[str, Match], ...] = ()
    priority: Priority = Priority.NORMAL
