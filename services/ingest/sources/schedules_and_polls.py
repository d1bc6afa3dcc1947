"""Sources that nobody sends to: a schedule fires, a system without webhooks is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from contracts.triggers.payload import Payload
from services.ingest.sources.file_form import CursorForm


@dataclass(frozen=True)
class Schedule:
    """When it fires: `cron` in a time zone, or every so many seconds since 1970."""

    name: str
    trigger: type[Payload]
    account: str
    cron: str | None
    every_seconds: float | None
    time_zone: str
    missed: Literal["skip", "catch_up"]

    @property
    def uri(self) -> str:
        """The `source` of its events."""
        return f"/schedules/{self.name}"


@dataclass(frozen=True)
class Poll:
    """What is asked, how often, and where it was when it was last asked. Its repr holds no secret."""

    name: str
    trigger: type[Payload]
    account: str
    url: str
    every_seconds: float
    items: str
    cursor: CursorForm | None = None
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)
    duplicate_seconds: int | None = None
    same_id_is_new: bool = False

    @property
    def uri(self) -> str:
        """The `source` of its events."""
        return f"/polls/{self.name}"
