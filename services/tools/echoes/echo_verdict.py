"""What becomes of an event that may be our own doing."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.events import Event
from services.flows.creations import Creation
from services.flows.sync import ReportedChange

OURS = "ours"
PASSING = frozenset({"passed", "mixed", OURS})
Told = ReportedChange | Creation
"""What an event says that may be our own doing."""


@dataclass(frozen=True, slots=True)
class EchoVerdict:
    """What becomes of a change: `passed`, `mixed` (its foreign fields pass), `suppressed` or `held`, and why.

    Something new is also `ours`: it starts all flows but those that led to it (`event.led_by`).
    """

    decision: str
    why: str
    event: Event
    echoes: tuple[str, ...] = ()
    near: int = 0
    hops: int = 0

    @property
    def passes(self) -> bool:
        """Whether flows may start."""
        return self.decision in PASSING
