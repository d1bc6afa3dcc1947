"""Lanes whose turn it is: by connection, and within one fairly by flow, so that no flow waits for a longer queue.

Deficit round robin where each call costs one: a flow's quantum is its weight.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Hashable
from typing import NamedTuple, Protocol


class FlowGuard(Protocol):
    """Says for each flow whether a call may begin."""

    def held(self, flow: str) -> float:
        """0: it may. Else the seconds until to ask again."""
        ...

    def took(self, flow: str) -> None:
        """It begins."""
        ...


class Turn(NamedTuple):
    """Where a lane queues."""

    connection: str
    flow: str
    weight: int = 1


class _Flow:
    def __init__(self, weight: int) -> None:
        self.lanes: deque[Hashable] = deque()
        self.weight = weight
        self.credit = weight


Doubted = Callable[[Hashable], bool]
"""Whether a lane's last call failed."""


class Turns:
    """`gate(connection)`: 0 when a call may begin now, which it then does; else the seconds until to ask again.

    `doubts(connection)`, asked after that: which lanes should not be the next, if there are others; None: any may.
    `crowded(connection, flow)`, asked before: whether so many of them are at work that the rest is for others.
    `rests(lane)`, asked before too: the seconds for which it may not be called. It is not ready then, and uses up
    nothing of what its connection bears; `rested(lane, seconds)` has it from then on.
    """

    def __init__(
        self,
        gate: Callable[[str], float],
        guard: FlowGuard | None = None,
        doubts: Callable[[str], Doubted | None] = lambda _: None,
        crowded: Callable[[str, str], bool] = lambda _name, _flow: False,
        *,
        rests: Callable[[Hashable], float] = lambda _: 0.0,
        rested: Callable[[Hashable, float], object] = lambda _lane, _seconds: None,
    ) -> None:
        self._gate = gate
        self._guard = guard
        self._doubts = doubts
        self._crowded = crowded
        self._rests = rests
        self._rested = rested
        self._connections: OrderedDict[str, OrderedDict[str, _Flow]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, turn: Turn, lane: Hashable) -> None:
        """Add a lane at the end of its flow's queue."""
        flows = self._connections.setdefault(turn.connection, OrderedDict())
        flow = flows.get(turn.flow)
        if flow is None:
            flow = flows[turn.flow] = _Flow(turn.weight)
        flow.lanes.append(lane)
        self._count += 1

    def pop(self) -> tuple[Hashable, str] | float:
        """The next lane, with its connection; or the seconds until one may begin, infinite: when one at work ends."""
        soonest = math.inf
        for name in list(self._connections):
            label, wait = self._flow(name)
            if label is not None:
                wait = self._gate(name)
            if label is None or wait > 0:
                soonest = min(soonest, wait)
                continue
            self._connections.move_to_end(name)
            doubted = self._doubts(name)
            better = None if doubted is None else self._better(name, doubted)
            label, lane = better or (label, self._connections[name][label].lanes[0])
            if self._guard is not None:
                self._guard.took(label)
            self._take(name, label, lane)
            return lane, name
        return soonest

    def waiting(self, connection: str, doubted: Doubted) -> bool | None:
        """Whether a lane waits there for the connection only that is not doubted; None: no lane does."""
        if not any(self._held(label) <= 0 for label in self._connections.get(connection, ())):
            return None
        return self._better(connection, doubted) is not None

    def keep(self, lanes: Collection[Hashable]) -> None:
        """Forget all but these."""
        for name, flows in list(self._connections.items()):
            for label, flow in list(flows.items()):
                flow.lanes = deque(lane for lane in flow.lanes if lane in lanes)
                if not flow.lanes:
                    del flows[label]
            if not flows:
                del self._connections[name]
        self._count = sum(len(flow.lanes) for flows in self._connections.values() for flow in flows.values())

    def _flow(self, name: str) -> tuple[str | None, float]:
        """The flow whose turn it is; or None, and the seconds until one is not held."""
        soonest = math.inf
        for label in list(self._connections[name]):
            wait = self._held(label)
            if wait > 0:
                soonest = min(soonest, wait)
            elif not self._crowded(name, label) and self._has_ready(name, label):
                return label, 0.0
        return None, soonest

    def _has_ready(self, name: str, label: str) -> bool:
        """Whether a lane of it may be called. Those before it leave."""
        lanes = self._connections[name][label].lanes
        while lanes and (wait := self._rests(lane := lanes[0])) > 0:
            self._remove(name, label, lane)
            self._rested(lane, wait)
        return bool(lanes)

    def _held(self, label: str) -> float:
        return 0.0 if self._guard is None else self._guard.held(label)

    def _better(self, name: str, doubted: Doubted) -> tuple[str, Hashable] | None:
        """The first lane that is not doubted, with its flow."""
        for label, flow in self._connections[name].items():
            if self._held(label) <= 0:
                for lane in flow.lanes:
                    if not doubted(lane) and self._rests(lane) <= 0:
                        return label, lane
        return None

    def _take(self, name: str, label: str, lane: Hashable) -> None:
        flow = self._connections[name][label]
        flow.credit -= 1
        self._remove(name, label, lane)
        if flow.lanes and flow.credit <= 0:
            flow.credit = flow.weight
            self._connections[name].move_to_end(label)

    def _remove(self, name: str, label: str, lane: Hashable) -> None:
        flows = self._connections[name]
        flow = flows[label]
        flow.lanes.remove(lane)  # mostly the first
        self._count -= 1
        if not flow.lanes:
            del flows[label]
            if not flows:
                del self._connections[name]
