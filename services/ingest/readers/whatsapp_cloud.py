"""WhatsApp Cloud API, without Closum between: one body carries any number of messages and statuses.

Source of the shape: https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from contracts.faults import first_faults
from contracts.triggers.payload import Payload
from contracts.triggers.whatsapp_message_received import WhatsAppMessageReceived
from contracts.triggers.whatsapp_status_updated import WhatsAppStatusUpdated
from services.ingest.http_problems import invalid
from services.ingest.readers.reader import Reading, ReceivedBody

OBJECT = "whatsapp_business_account"
MOST_EVENTS = 1000


class WhatsAppCloud:
    """Messages become `closum.whatsapp.message_received`, statuses `whatsapp.status_updated`.

    What is neither, such as changes of a template, is taken and starts nothing.
    """

    triggers: tuple[type[Payload], ...] = (WhatsAppMessageReceived, WhatsAppStatusUpdated)

    def read(self, sent: ReceivedBody) -> Sequence[Reading]:
        """All events of the body, in order."""
        body = sent.value
        if not isinstance(body, dict) or body.get("object") != OBJECT or not isinstance(body.get("entry"), list):
            raise invalid("whatsapp_cloud", "must be what WhatsApp Cloud API sends: object and entry", ())
        readings: list[Reading] = []
        values = list(_values(body))
        if sum(_count(value, "messages") + _count(value, "statuses") for _, value in values) > MOST_EVENTS:
            raise invalid("whatsapp_cloud", f"more than {MOST_EVENTS} messages and statuses", ("entry",))
        for path, value in values:
            names = _names(value)
            for index, message in _objects(value, "messages"):
                readings.append(_reading(WhatsAppMessageReceived, _message(message, names), (*path, "messages", index)))
            for index, status in _objects(value, "statuses"):
                readings.append(_reading(WhatsAppStatusUpdated, _status(status), (*path, "statuses", index)))
        return readings


def _values(body: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    for index, entry in _objects(body, "entry"):
        for number, change in _objects(entry, "changes"):
            if isinstance(change.get("value"), dict):
                yield ("entry", index, "changes", number, "value"), change["value"]


def _objects(parent: dict[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    found = parent.get(name)
    if isinstance(found, list):
        yield from ((index, item) for index, item in enumerate(found) if isinstance(item, dict))


def _count(parent: dict[str, Any], name: str) -> int:
    found = parent.get(name)
    return len(found) if isinstance(found, list) else 0


def _names(value: dict[str, Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    for _, contact in _objects(value, "contacts"):
        profile, number = contact.get("profile"), contact.get("wa_id")
        if isinstance(profile, dict) and isinstance(profile.get("name"), str) and isinstance(number, str):
            names[number] = profile["name"]
    return names


def _message(message: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    number = message.get("from")
    text = message.get("text")
    body = text.get("body") if isinstance(text, dict) else _shown(message)
    name = names.get(number) if isinstance(number, str) else None
    rest = {key: item for key, item in message.items() if key not in {"id", "from", "text", "timestamp", "contact"}}
    return {
        **{f"whatsapp_{key}" if key in WhatsAppMessageReceived.spellings else key: item for key, item in rest.items()},
        "message_id": message.get("id"),
        "from": number,
        "text": body,
        "at": message.get("timestamp"),
        "contact": {"name": name},
    }


def _shown(message: dict[str, Any]) -> str | None:
    """The text of a button, of a chosen list item, or under a picture."""
    kind = message.get("type")
    part = message.get(kind) if isinstance(kind, str) else None
    if not isinstance(part, dict):
        return None
    reply = part.get(str(part.get("type"))) if kind == "interactive" else part
    found = [reply.get(name) for name in ("text", "title", "caption")] if isinstance(reply, dict) else []
    return next((text for text in found if isinstance(text, str)), None)


def _status(status: dict[str, Any]) -> dict[str, Any]:
    errors = [error for _, error in _objects(status, "errors")]
    texts = [str(error.get("title") or error.get("message") or error.get("code")) for error in errors]
    known = ("id", "recipient_id", "status", "timestamp")
    rest = {key: item for key, item in status.items() if key not in {*known, *WhatsAppStatusUpdated.spellings}}
    return {
        **rest,
        "message_id": status.get("id"),
        "recipient": status.get("recipient_id"),
        "status": status.get("status"),
        "at": status.get("timestamp"),
        "error": "; ".join(texts)[:4096],
    }


def _reading(trigger: type[Payload], value: dict[str, Any], path: tuple[str | int, ...]) -> Reading:
    try:
        payload = trigger.read(value)
    except ValidationError as error:
        raise invalid("whatsapp_cloud", f"cannot be read: {_first(error)}", path) from None
    return Reading(payload, payload.own_id(), payload.happened())


def _first(error: ValidationError) -> str:
    fault = first_faults(error, 1)[0]
    return f"{'/'.join(map(str, fault['loc']))}: {fault['msg']}"
