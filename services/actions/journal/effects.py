"""What is asked of the journal, and what it answers.

claimed ──▶ sent ──▶ done | failed | unknown
   ▲          │
   └──────────┘  an attempt failed, and a further one is harmless
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from contracts.errors import ErrorCode
from services.flows.catalogue import Guarantee


class State(StrEnum):
    """Where an effect is."""

    CLAIMED = "claimed"  # nothing is under way, and another attempt is harmless
    SENT = "sent"  # a request is about to leave, or has left
    DONE = "done"
    FAILED = "failed"  # for good; what may have happened all the same is harmless
    UNKNOWN = "unknown"  # it may have happened, and must not happen twice: a person decides


class Key(NamedTuple):
    """An effect."""

    account: str
    effect_id: str


class Record(NamedTuple):
    """The record of a request: the same again is a replay, another one is asked for anew."""

    place: str
    position: int


@dataclass(frozen=True, slots=True)
class Begin:
    """A request is about to be sent, under this assignment's epoch.

    `keyed_seconds`: how long after the first one a keyed request is known again; None: for ever.
    `leaves`: a request does; else it is about to be ended without one, and whoever comes after this worker knows that.
    """

    key: Key
    guarantee: Guarantee
    epoch: int
    record: Record
    keyed_seconds: float | None = None
    leaves: bool = True


@dataclass(frozen=True, slots=True)
class Settle:
    """What came of it. `maybe`: a failed attempt may have had its effect. `absent`: the destination says that none has.

    `free`: the attempt was somebody else's fault, and does not count.
    `made`: what it made is known by from now on, as a hash, where its system will tell of that (creations.py).
    """

    key: Key
    epoch: int
    state: State
    answer: bytes | None = None
    code: ErrorCode | None = None
    cause: str | None = None
    maybe: bool = False
    absent: bool = False
    made: str | None = None
    free: bool = False


@dataclass(frozen=True, slots=True)
class Go:
    """Send it: this is attempt number `attempts`, the first was `age_seconds` ago.

    `maybe`: an earlier one may have had its effect, in whichever process.
    """

    attempts: int
    age_seconds: float
    maybe: bool = False


@dataclass(frozen=True, slots=True)
class WasDone:
    """It was done before. `answer`: its outputs as JSON; None: they were too large to be kept."""

    answer: bytes | None


@dataclass(frozen=True, slots=True)
class HasFailed:
    """It failed for good, on this very record."""

    code: ErrorCode
    cause: str
    attempts: int
    maybe: bool


@dataclass(frozen=True, slots=True)
class IsUnknown:
    """It may have happened, and must not happen twice: a worker that sent it is gone. The asker holds it now."""

    code: ErrorCode
    cause: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Held:
    """Another assignment that is alive holds it: ask again later."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """The asker's assignment is over: somebody else works on its partition."""


Decision = Go | WasDone | HasFailed | IsUnknown | Held | Fenced
