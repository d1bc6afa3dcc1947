"""From a reading to the bytes of an event: one CloudEvents document, serialised once."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b

import orjson

from contracts.events import partition_key
from contracts.ids import begun_id, stable_id, within
from services.ingest.readers.reader import Reading


class ContentIds:
    """Ids that are made of a body's bytes. These are hashed when somebody asks, and once for all events in them."""

    def __init__(self, uri: str, body: bytes) -> None:
        self._uri = uri
        self._body = body

    @cached_property
    def _begun(self) -> blake2b:
        return begun_id(self._uri, "body", self._body)

    def of(self, index: int) -> str:
        """What tells the events of one body apart: its index, of each but the first."""
        return begun_id(str(index), after=self._begun).hexdigest() if index else self.whole

    @cached_property
    def whole(self) -> str:
        """Of all events of the body the same."""
        return self._begun.hexdigest()


def event_id(
    uri: str, reading: Reading, contents: ContentIds, index: int = 0, *, with_content: bool = False
) -> tuple[str, str | None]:
    """The event's id, and that of the content of which it was made, where it was.

    The same request has the same id, whenever and wherever it arrives. From the sender's own id where there is one,
    else from the body's bytes. `with_content`: the same id with another content is another event.
    """
    if not reading.identity:
        return contents.of(index), contents.whole
    more = (reading.payload.to_json(),) if with_content else ()
    return stable_id(uri, "id", reading.identity, *more), None


def envelope(
    uri: str,
    account: str,
    reading: Reading,
    identity: str,
    *,
    duplicate_seconds: int | None = None,
    content: str | None = None,
    received: datetime | None = None,
) -> tuple[bytes, bytes]:
    """The Kafka key and the event's bytes, as contracts.events.Event reads them.

    `duplicate_seconds`: how long the same id is a duplicate, where the source declares it. `content`: what it was made
    of, where the sender sent none and the same content can come to be again. `received`: when it came; absent: now.
    """
    payload = reading.payload
    subject = within(reading.subject or payload.subject() or identity)
    now = received or datetime.now(UTC)
    declared: dict[str, object] = {} if duplicate_seconds is None else {"duplicateseconds": duplicate_seconds}
    if content is not None:
        declared["contentid"] = content
    event = orjson.dumps(
        {
            "specversion": "1.0",
            "id": identity,
            "source": uri,
            "type": payload.trigger,
            "subject": subject,
            "time": reading.time or now,
            "datacontenttype": "application/json",
            "account": account,
            "accepted": now,
            **declared,
            "data": orjson.Fragment(payload.to_json()),
        }
    )
    return partition_key(account, subject), event
