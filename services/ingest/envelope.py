"""From a payload to the bytes of an event: one CloudEvents document, serialised once."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from contracts.events import partition_key
from contracts.ids import stable_id
from contracts.triggers.payload import Payload
from services.ingest.sources.hook import Hook


def event_id(hook: Hook, payload: Payload, body: bytes) -> str:
    """The same request has the same id, whenever and wherever it arrives.

    From the sender's own id where the payload has one, else from the body's bytes: two bodies without an id that are
    alike to the byte are one event.
    """
    own = payload.own_id()
    return stable_id(hook.uri, "id", own) if own else stable_id(hook.uri, "body", body)


def envelope(hook: Hook, payload: Payload, identity: str) -> tuple[bytes, bytes]:
    """The Kafka key and the event's bytes, as contracts.events.Event reads them."""
    subject = payload.subject() or identity
    now = datetime.now(UTC)
    event = orjson.dumps(
        {
            "specversion": "1.0",
            "id": identity,
            "source": hook.uri,
            "type": hook.trigger.trigger,
            "subject": subject,
            "time": payload.happened() or now,
            "datacontenttype": "application/json",
            "account": hook.account,
            "accepted": now,
            "data": orjson.Fragment(payload.to_json()),
        }
    )
    return partition_key(hook.account, subject), event
