"""What of a request says where it queues, read at a small part of what reading the whole of it costs."""

from __future__ import annotations

from sys import intern
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from contracts.message import Moment
from services.runtime.kafka import ConsumedRecord

Lane = tuple[str, str, str]


class _Event(BaseModel):
    account: str = "default"


class _Run(BaseModel):
    event: _Event
    key: str
    flow: str


class _Request(BaseModel):
    run: _Run
    connection: str | None = None
    deadline: Moment | None = None


class Outline(NamedTuple):
    """As `ActionRequest.lane` and `ActionRequest.run.flow`; `deadline` in seconds since 1970."""

    lane: Lane
    flow: str
    deadline: float | None = None


def outline(record: ConsumedRecord) -> Outline | None:
    """None: it cannot be read at all."""
    try:
        request = _Request.model_validate_json(record.value or b"")
    except ValidationError:
        return None
    run = request.run
    # The same few texts in each of a hundred thousand.
    account, connection, flow = map(intern, (run.event.account, request.connection or "", run.flow))
    deadline = None if request.deadline is None else request.deadline.timestamp()
    return Outline((account, run.key, connection), flow, deadline)
