"""Faults that can be switched on, one JSON object each: `POST /_faults`.

    {"path": "/crm/*", "kind": "status", "status": 429, "retry_after": 2, "times": 3}
    {"path": "/v2/sms/*", "kind": "cut_after", "probability": 0.1}
    {"kind": "hang", "contains": "+351912345678"}

| kind | what the caller meets | the effect happens |
|---|---|---|
| `status` | that HTTP status (500), with Retry-After when `retry_after` is given | no |
| `refuse` | 200 with `status: false` | no |
| `slow` | the right answer after `seconds` (1.0) | yes, before the wait |
| `hang` | no answer, until the caller leaves | no |
| `cut_before` | the connection ends without an answer | no |
| `cut_after` | the connection ends without an answer | yes |
| `malformed` | 200 and half a JSON document | yes |

`acts` overrides the last column. The first fault that fits a request is used; one with `times` is used up.
"""

from __future__ import annotations

import random
from enum import StrEnum
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """What goes wrong."""

    STATUS = "status"
    REFUSE = "refuse"
    SLOW = "slow"
    HANG = "hang"
    CUT_BEFORE = "cut_before"
    CUT_AFTER = "cut_after"
    MALFORMED = "malformed"


ACTING = frozenset({FaultKind.SLOW, FaultKind.CUT_AFTER, FaultKind.MALFORMED})


class InjectedFault(BaseModel):
    """One fault. Unknown fields are refused, so that a misspelled one does not pass for a fault that never comes."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(default="*", description="pattern of paths, as the shell matches file names")
    kind: FaultKind
    status: int = Field(default=500, ge=400, le=599)
    retry_after: float | None = Field(default=None, ge=0)
    seconds: float = Field(default=1.0, ge=0)
    contains: str = Field(default="", description="only requests whose body holds this text")
    times: int | None = Field(default=None, ge=1, description="used up after so many; absent: never")
    probability: float = Field(default=1.0, gt=0, le=1)
    acts: bool | None = None
    hits: int = 0

    def does_act(self) -> bool:
        """Whether the effect happens all the same."""
        return self.kind in ACTING if self.acts is None else self.acts


class InjectedFaults:
    """The faults that are switched on."""

    def __init__(self, seed: int = 0) -> None:
        self.active: list[InjectedFault] = []
        self._random = random.Random(seed)  # noqa: S311 - the same faults in every run

    def pick(self, path: str, body: bytes) -> InjectedFault | None:
        """The fault that meets this request, if any; counts the hit."""
        for fault in self.active:
            if (
                (fault.times is None or fault.hits < fault.times)
                and fnmatchcase(path, fault.path)
                and (not fault.contains or fault.contains.encode() in body)
                and (fault.probability >= 1 or self._random.random() < fault.probability)
            ):
                fault.hits += 1
                return fault
        return None
