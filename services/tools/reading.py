"""A record of the topic `events`, read: also the data of events that did not come through ingest."""

from __future__ import annotations

import orjson

from contracts.events import Event
from contracts.triggers.registry import TRIGGERS


def event_of(value: bytes | None) -> Event:
    """The event, with its data as flows see it. Raises pydantic.ValidationError.

    Ingest has read the data of what it took, and says so in `accepted`. Another team's producer sends what it has: it
    is read here by the same model of the same trigger, so that flows meet one shape whichever way an event came.
    """
    event = Event.model_validate_json(value or b"")
    trigger = TRIGGERS.get(event.type) if event.accepted is None else None
    if trigger is None:
        return event
    return event.model_copy(update={"data": orjson.loads(trigger.read(event.data).to_json())})
