"""A record of the topic `events`, read: also the data of events that did not come through ingest."""

from __future__ import annotations

from collections.abc import Callable

import orjson
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from contracts.events import OURS, Event
from contracts.faults import first_faults
from contracts.triggers.payload import Payload
from contracts.triggers.registry import TRIGGERS
from services.flows.creations import BY_US
from services.flows.nul_characters import without_nul
from services.runtime import metrics
from services.runtime.kafka import Headers
from services.tools.content_modes import structured

SOURCE = "events"
"""As ingest counts whole events of other teams."""
DeclaredTriggers = Callable[[str], type[Payload] | None]
"""The model of a trigger that a sources file declares, as the flows that run were checked against it."""


def _nothing_declared(_type: str) -> None:
    return None


def event_of(
    value: bytes | None, headers: Headers | None = None, declared: DeclaredTriggers = _nothing_declared
) -> Event:
    """The event, with its data as flows see it; in either content mode. Raises pydantic.ValidationError.

    Ingest has read the data of what it took, and says so in `accepted`. Another team's producer sends what it has: it
    is read here by the same model of the same trigger, so that flows meet one shape whichever way an event came.
    What we made ourselves no sender can say, whichever way.
    """
    event = Event.read(structured(value, headers) if headers else value)
    trigger = TRIGGERS.get(event.type) or declared(event.type)
    if any(getattr(event, name) is not None for name in OURS):
        event = event.model_copy(update=dict.fromkeys(OURS))
    if event.accepted is not None:
        if trigger is not None and BY_US in trigger.model_fields and event.data.get(BY_US) is not False:
            event = event.model_copy(update={"data": {**event.data, BY_US: False}})
        return event
    data = without_nul(event.data)
    if trigger is not None:
        try:
            payload = trigger.read(data)
        except ValidationError as error:
            raise _of_data(error) from None
        for field, came_as in payload.otherwise():
            metrics.FIELDS_OTHERWISE.labels(SOURCE, field, came_as).inc()
        data = orjson.loads(payload.to_json())
    return event.model_copy(update={"data": data})


def _of_data(error: ValidationError) -> ValidationError:
    """The same faults with their places in the record, as ingest tells them."""
    details: list[InitErrorDetails] = [
        {
            "type": PydanticCustomError("data", "{text}", {"text": fault["msg"]}),
            "loc": ("data", *fault["loc"]),
            "input": None,
        }
        for fault in first_faults(error)
    ]
    return ValidationError.from_exception_data(error.title, details)
