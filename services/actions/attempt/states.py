"""Where a request is on its way, and what an attempt of it returns. Data only: what follows is decided elsewhere.

Waiting ──▶ Sending ──▶ Ended
   ▲           │ ▲
   │           ▼ │
   └──────── Asking
"""

from __future__ import annotations

from dataclasses import dataclass

from services.actions.outcome import Done, Failed


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is under way, and another attempt is harmless.

    `attempts` were made, the first of them `began` then; `maybe`: one of them may have had its effect. Beside those,
    the last `free` ones were somebody else's fault. `still`: since when time stands still for it; `stood`: for how long
    nothing could be called at its connection in all, when it was called last.
    """

    attempts: int = 0
    began: float = 0.0
    maybe: bool = False
    free: int = 0
    still: float | None = None
    stood: float | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """The journal has said that this attempt may be sent, and has not been told what came of it."""

    attempts: int
    began: float
    maybe: bool = False
    free: int = 0


@dataclass(frozen=True, slots=True)
class Asking:
    """The call `failed` may have been made, and must not be made twice; its destination is being asked.

    For `quiet_seconds` from `since` on it may still arrive. `charged`: where it did not happen, that was one of its own
    attempts; else its connection or step was ill.
    """

    failed: Failed
    attempts: int
    began: float
    quiet_seconds: float
    since: float
    asked: int = 0
    maybe: bool = False
    free: int = 0
    charged: bool = True


State = Waiting | Sending | Asking


@dataclass(frozen=True, slots=True)
class Ended:
    """Kafka has acknowledged its end. `dead`: that is a dead letter."""

    outcome: Done | Failed
    dead: bool


@dataclass(frozen=True, slots=True)
class Later:
    """Another attempt after so many seconds. `here`: by this worker, which must not park it."""

    seconds: float
    state: Waiting | Asking
    here: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """Its partition is somebody else's now, who goes on with it: nothing more may be done here."""


LOST = Lost()
