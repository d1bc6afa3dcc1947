"""When a change is held: it is too many writes away from the first one, or its entity changes too often."""

from __future__ import annotations

from dataclasses import dataclass

SLOW = 20
"""So many times the hops without haste are a loop, too."""


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """`seconds`: how long a write waits for its echo; `ledger_seconds`: how long a verdict is kept.

    `on`: false lets everything pass, and loops.

    People who edit on both sides in turn make hops, too: so a change is held only when its entity also changes fast,
    or when no person can have made so many.
    """

    on: bool = True
    seconds: float = 600.0
    ledger_seconds: float = 7 * 86_400.0
    most_hops: int = 5
    most_a_minute: int = 20

    def fault(self, hops: int, a_minute: int) -> str | None:
        """Why a change that followed writes of ours is held; None when it passes."""
        if hops > self.most_hops and a_minute > self.most_a_minute:
            return f"it is {hops} writes of ours after the first change, and one of {a_minute} within a minute: a loop"
        if hops > self.most_hops * SLOW:
            return f"it is {hops} writes of ours after the first change: a slow loop"
        return None
