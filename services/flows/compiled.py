"""A compiled flow: its steps as nodes that know what comes next, each under its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.actions import Priority
from services.flows.compile_values import Compiled
from services.flows.steps.node import Node
from services.flows.waiting import WaitMatch


@dataclass(frozen=True, slots=True)
class CompiledFlow:
    """One version of one flow, ready to run. Immutable; safe to share between threads.

    `matches` says how its waits read the key of an event, by trigger; `ending` are the triggers that end waits.
    """

    name: str
    version: str
    triggers: tuple[str, ...]
    key: Compiled | None
    when: Compiled | None
    first: Node | None
    nodes: Mapping[str, Node]
    blanks: Mapping[str, Mapping[str, Any]]
    matches: tuple[tuple[str, WaitMatch], ...] = ()
    priority: Priority = Priority.NORMAL
    ending: frozenset[str] = frozenset()
