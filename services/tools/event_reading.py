"""A record of the topic `events`, read: also the data of events that did not come through ingest."""

from __future__ import annotations

import orjson

from contracts.events import OURS, Event
from contracts.triggers.registry import TRIGGERS
from services.flows.creations import BY_US
from services.flows.nul_characters import without_nul
from services.runtime.kafka import Headers
from services.tools.content_modes import structured


def event_of(value: bytes | None, headers: Headers | None = None) -> Event:
    """The event, with its data as flows see it; in either content mode. Raises pydantic.ValidationError.

    Ingest has read the data of what it took, and says so in `accepted`. Another team's producer sends what it has: it
    is read here by the same model of the same trigger, so that flows meet one shape whichever way an event came.
    What we made ourselves no sender can say, whichever way.
    """
    event = Event.read(structured(value, headers) if headers else value)
    trigger = TRIGGERS.get(event.type)
    if any(getattr(event, name) is not None for name in OURS):
        event = event.model_copy(update=dict.fromkeys(OURS))
    if event.accepted is not None:
        if trigger is not None and BY_US in trigger.model_fields and event.data.get(BY_US) is not False:
            event = event.model_copy(update={"data": {**event.data, BY_US: False}})
        return event
    data = without_nul(event.data)
    return event.model_copy(update={"data": orjson.loads(trigger.read(data).to_json()) if trigger else data})
