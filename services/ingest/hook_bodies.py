"""From the body of a proved request to its events: read item by item, published, and told where one cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import ValidationError

from contracts.errors import ErrorCode
from contracts.topics import EVENTS, MAX_MESSAGE_BYTES
from services.ingest import odd_fields
from services.ingest.accepting import EventAcceptor, PublishableEvent
from services.ingest.envelope import ContentIds, envelope, event_id
from services.ingest.event_publisher import HEADERS
from services.ingest.http_problems import FieldError, pointer, wrong_shape
from services.ingest.parsed_bodies import Sent
from services.ingest.proved_request import ProvedRequest
from services.ingest.readers.reader import Item, Reading, ReceivedBody, UnreadItem, item
from services.ingest.refusals import Refusals
from services.ingest.responses import MOST_UNREAD, Response, accepted
from services.ingest.sources.hook import Hook
from services.runtime import kafka

SURELY_FITS = MAX_MESSAGE_BYTES // 2
"""Bytes of an event that its key and headers cannot make too large."""


@dataclass(slots=True)
class Brought:
    """What a body brought: the events, the reading of each, and the items that are none."""

    events: list[PublishableEvent]
    readings: list[Reading]
    unread: list[UnreadItem]


class HookBodies:
    """Takes what is in a body: all that can be read, and a dead letter for each item that cannot."""

    def __init__(self, taker: EventAcceptor, refusals: Refusals) -> None:
        self._taker = taker
        self._refusals = refusals

    async def take(self, came: ProvedRequest[Hook], sent: Sent) -> Response:
        """202 once Kafka has every event, and a dead letter of every other item.

        Raises Refused: 422 when nothing of the body can be read, 413 for an event alone that no topic takes, 503.
        """
        brought = events_of(came.hook, sent, came.received)
        before = self._taker.known(brought.events)
        ids = [event.identity for event in brought.events]
        for index, refused in await self._taker.take_each(brought.events):
            reading = brought.readings[index]
            if reading.alone is None:
                raise refused
            brought.unread.append(too_large(reading, refused.code, refused.detail))
            ids.remove(brought.events[index].identity)
        if not brought.unread:
            return accepted(ids, duplicate=before)
        await self._refusals.bury(came, brought.unread)
        errors = [FieldError(pointer=pointer(one.path), detail=one.why) for one in brought.unread[:MOST_UNREAD]]
        return accepted(ids, duplicate=before, unread=errors)


def events_of(hook: Hook, sent: Sent, received: datetime | None = None) -> Brought:
    """What a body holds, ready for Kafka. Raises Refused: 422 when nothing of it can be read."""
    brought = Brought([], [], [])
    contents, parts = ContentIds(hook.uri, sent.content), sent.parts
    found = _items(hook, parts[0]) if len(parts) == 1 else [one for part in parts for one in _items(hook, part)]
    for index, one in enumerate(found):
        if isinstance(one, UnreadItem):
            brought.unread.append(one)
            continue
        event = _event(hook, one, contents, index, received)
        if one.alone is not None and (why := _too_large(event)):
            brought.unread.append(too_large(one, ErrorCode.MESSAGE_TOO_LARGE, why))
            continue
        brought.events.append(event)
        brought.readings.append(one)
    return brought


def _event(hook: Hook, one: Reading, contents: ContentIds, index: int, received: datetime | None) -> PublishableEvent:
    identity, content = event_id(hook.uri, one, contents, index, with_content=hook.same_id_is_new)
    odd_fields.count(hook.name, one.payload)
    keep = hook.duplicate_seconds if content is None else hook.repeat_seconds or one.repeat_seconds
    key, value = envelope(
        hook.uri, hook.account, one, identity, duplicate_seconds=keep, content=content, received=received
    )
    counter = hook.accepted[one.payload.trigger]
    return PublishableEvent((hook.account, hook.uri), identity, key, value, counter, keep, content)


def _too_large(event: PublishableEvent) -> str:
    if len(event.value) < SURELY_FITS:
        return ""
    try:
        kafka.check_size(EVENTS, event.key, event.value, HEADERS)
    except kafka.MessageTooLargeError as error:
        return f"the event is too large: {error}"
    return ""


def too_large(one: Reading, code: ErrorCode, why: str) -> UnreadItem:
    """An item that can be read, and that no topic takes."""
    alone = one.alone
    assert alone is not None  # noqa: S101 - it is one of several
    return UnreadItem(one.payload.trigger, one.path, code, why, alone)


def _items(hook: Hook, sent: ReceivedBody) -> Sequence[Item]:
    """What is in a body, or in one document of a batch, of which a wrong one stops no other."""
    if sent.path:
        read, shown = partial(hook.reader.read, sent), partial(_shown, hook, sent)
        found = item(read, hook.reader.triggers[0].trigger, sent.path, shown)
    else:
        try:
            found = hook.reader.read(sent)
        except ValidationError as error:
            raise wrong_shape(error) from None
    if sent.enclosed is None:
        return found
    return [
        one if one.alone is None else replace(one, alone=partial(_within, sent.enclosed, one.alone)) for one in found
    ]


def _shown(hook: Hook, sent: ReceivedBody) -> Any:  # noqa: ANN401 - any JSON value
    return hook.reader.shown(sent.value)


def _within(enclosed: Callable[[Any], Any], alone: Callable[[], Any]) -> Any:  # noqa: ANN401 - any JSON value
    return enclosed(alone())
