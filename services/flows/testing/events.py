"""What a case is given → events, read as ingest reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import orjson
from pydantic import BaseModel, ValidationError

from contracts.events import Event
from contracts.triggers.payload import Payload
from contracts.writes import TELL_OF_NEW
from services.flows.creations import BY_US
from services.flows.testing.suite import GivenEvent, SuiteCase
from services.runtime.documents.suggestion import suggestion

SOURCE = "/flows/test"


class CaseError(Exception):
    """A case cannot be played. The text says what its author has to change."""


def events_of(
    case: SuiteCase, own: tuple[str, ...], triggers: Mapping[str, type[BaseModel]]
) -> list[tuple[datetime, Event]]:
    """The case's events with their times, in order. `own` are the flow's triggers. Raises CaseError."""
    now = case.start
    found: list[tuple[datetime, Event]] = []
    for number, given in enumerate(case.given):
        if given.at is not None and given.at < now:
            raise CaseError(f"given {number + 1} comes at {given.at}, before the one before it ({now})")
        now = given.at or now + timedelta(seconds=given.after or 0.0)
        found.append((now, _event(given, number, now, own, triggers)))
    return found


def _event(
    given: GivenEvent, number: int, now: datetime, own: tuple[str, ...], triggers: Mapping[str, type[BaseModel]]
) -> Event:
    if given.trigger is None and len(own) != 1:
        raise CaseError(f"given {number + 1} needs `trigger`: the flow has several ({', '.join(own)})")
    trigger = given.trigger or own[0]
    model = triggers.get(trigger)
    if model is None:
        raise CaseError(f"given {number + 1}: there is no trigger {trigger!r}: {suggestion(trigger, triggers)}")
    if given.by_us and BY_US not in model.model_fields:
        telling = ", ".join(sorted(TELL_OF_NEW))
        raise CaseError(f"given {number + 1}: `by_us` is for what our calls make and {telling} tells of")
    sent = {**(getattr(model, "example", {}) if given.example else {}), **given.data}
    try:
        payload = model.read(sent) if issubclass(model, Payload) else model.model_validate(sent)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'data'}: {each['msg'].removeprefix('Value error, ')}"
            for each in error.errors(include_url=False, include_input=False)
        )
        raise CaseError(f"given {number + 1}: ingest would refuse this payload of {trigger!r}: {wrong}") from None
    sent_id = payload.own_id() if isinstance(payload, Payload) else None
    identity = given.id or sent_id or f"event-{number + 1}"
    subject = payload.subject() if isinstance(payload, Payload) else None
    happened = payload.happened() if isinstance(payload, Payload) else None
    seen = payload.to_json() if isinstance(payload, Payload) else payload.model_dump_json(by_alias=True)
    return Event(
        id=identity,
        source=SOURCE,
        type=trigger,
        subject=given.subject or subject or identity,
        time=happened or now,
        account=given.account,
        accepted=now,
        data=orjson.loads(seen) | ({BY_US: True} if given.by_us else {}),
    )
