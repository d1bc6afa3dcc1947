"""From a reading to the bytes of an event: one CloudEvents document, serialised once."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from contracts.events import partition_key
from contracts.ids import stable_id, within
from services.ingest.readers.reader import Reading


def event_id(uri: str, reading: Reading, body: bytes, index: int = 0, *, with_content: bool = False) -> str:
    """The same request has the same id, whenever and wherever it arrives.

    From the sender's own id where there is one, else from the body's bytes. `index` tells several events of one body
    apart. `with_content`: the same id with another content is another event.
    """
    if reading.identity and with_content:
        return stable_id(uri, "id", reading.identity, reading.payload.to_json())
    if reading.identity:
        return stable_id(uri, "id", reading.identity)
    return stable_id(uri, "body", body) if not index else stable_id(uri, "body", body, str(index))


def content_id(uri: str, reading: Reading, body: bytes) -> str | None:
    """What the id was made of where it was made of the content: of all events of one body the same."""
    return None if reading.identity else stable_id(uri, "body", body)


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
