"""What a webhook sent, compared with what is assumed of it. Pure: requests in, findings and overrides out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from contracts.triggers.message_status import MessageStatusPayload
from contracts.triggers.message_statuses import WORDS, MessageStatus, status_of
from contracts.triggers.payload import Payload
from contracts.triggers.phones import e164
from contracts.triggers.registry import TRIGGERS
from contracts.triggers.sent_times import moment
from services.closum.facts import WEBHOOKS
from services.closum.facts_form import WebhookRow
from services.closum.webhook_reading import corrected, names_of
from services.project.closum_guesses import names_for

PHONES = frozenset({"recipient", "mobile_number", "from"})
TIMES = frozenset({"at", "created_at", "updated_at"})
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
IDS = {"message_id", "lead_id", "contact_id", "event_id"}
DELIVERIES = ("delivery_id", "event_id", "webhook_id", "notification_id", "delivery")
LISTS = ("events", "items", "data", "records", "results", "payload", "webhooks")
HINTS: Mapping[str, tuple[str, ...]] = {
    "closum.sms.status_updated": ("sms", "dlr"),
    "closum.whatsapp.message_received": ("whatsapp", "inbound"),
    "closum.lead.created": ("lead", "created"),
    "closum.contact.updated": ("contact", "updat", "chang"),
    "closum.unsubscribed": ("unsubscri", "opt-out", "opt_out", "optout", "stop"),
    "closum.email.event": ("mail", "open", "click", "bounce"),
}
KINDS = frozenset({"event", "type", "action", "kind", "topic", "name", "event_type", "eventType", "object"})
"""Fields whose value says what a webhook is of."""
UNKNOWN_WORDS: Mapping[MessageStatus, tuple[str, ...]] = {
    MessageStatus.DELIVERED: ("entregue", "deliver", "recebid"),
    MessageStatus.FAILED: ("falh", "erro", "fail", "nao_entregue", "não entregue"),
    MessageStatus.READ: ("lida", "lido", "read", "vist"),
    MessageStatus.SENT: ("enviad", "sent"),
    MessageStatus.QUEUED: ("fila", "agendad", "queue", "pend"),
    MessageStatus.EXPIRED: ("expir",),
    MessageStatus.REJECTED: ("rejeit", "reject", "recus"),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one request. `override`: what makes it read; empty: it is as known."""

    trigger: str
    fits: bool
    read: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    override: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


def heard(bodies: Sequence[Any], trigger: str | None, known: Mapping[str, WebhookRow]) -> Heard:
    """Compare what came with what is known of a trigger; absent: of the one that it is likeliest of."""
    name = trigger or likeliest(bodies)
    model = TRIGGERS[name]
    row = known.get(name) or WebhookRow()
    payload, why = _read(model, row, bodies)
    if payload is not None and not _lost(model, payload, bodies, row):
        return Heard(name, fits=True, read=_shown(payload), missing=_missing(model, payload))
    found = proposed(model, bodies)
    again, why_not = _read(model, found, bodies)
    override = found.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if again is None:
        return Heard(name, fits=False, override=override, why=why_not or why)
    return Heard(name, fits=True, read=_shown(again), missing=_missing(model, again), override=override)


def likeliest(bodies: Sequence[Any]) -> str:
    """The trigger that a body is likeliest of: by its words, and by how many of its fields are there."""
    leaves = [leaf for body in bodies for leaf in _leaves(_first_event(body)[1])]
    keys = {key.lower() for _, key, _ in leaves}
    told = " ".join(str(value) for _, key, value in leaves if key in KINDS).lower()
    told += " ".join(str(key) for body in bodies if isinstance(body, dict) for key in body).lower()

    def points(name: str) -> int:
        hints = sum(hint in told for hint in HINTS.get(name, ()))
        ours = names_of(TRIGGERS[name])
        return hints * 4 + sum(any(one.lower() in keys for one in names_for(field)) for field in ours)

    return max(WEBHOOKS, key=points)


def proposed(model: type[Payload], bodies: Sequence[Any]) -> WebhookRow:
    """The row under which these bodies are read: where events and payload stand, and each field by name and kind."""
    items, event = _first_event(bodies[0])
    leaves = list(_leaves(event))
    taken: set[str] = set()
    places: dict[str, str] = {}
    ours = list(names_of(model))
    for exact in (True, False):
        for name in ours:
            if name in places:
                continue
            place = _place_of(name, leaves, taken, exact=exact, model=model)
            if place is not None:
                places[name] = place
                taken.add(place)
    data = _common(list(places.values()))
    fields = {}
    for name, place in places.items():
        short = place.removeprefix(f"{data}/")
        fields[name] = short if "/" not in short else place
    fields = {
        name: theirs for name, theirs in fields.items() if theirs.startswith("/") or model_name(model, theirs) != name
    }
    identity = next((p for p, key, _ in leaves if key in DELIVERIES and p not in taken), None)
    if identity is not None and identity.rpartition("/")[0] == data:
        identity = identity.rpartition("/")[2]
    statuses = {}
    if issubclass(model, MessageStatusPayload) and (at_status := places.get("status")):
        for body in bodies:
            for one in _events(body, items):
                word = {place: value for place, _, value in _leaves(one)}.get(at_status)
                if isinstance(word, str | int) and (meant := _meant(str(word))) is not None:
                    statuses[str(word)] = meant
    return WebhookRow(data=data or None, items=items, fields=fields, id=identity, statuses=statuses)


def model_name(model: type[Payload], theirs: str) -> str:
    """Our field that is read under a name anyway; the name itself where none is."""
    shown = {attribute: name for name, attribute in names_of(model).items()}
    return shown.get(model.fields_spelled.get(theirs, theirs), theirs)


def _meant(word: str) -> MessageStatus | None:
    """What a word of a status means; None: it is known already, or nobody can tell."""
    if status_of(word) is not MessageStatus.OTHER or word.lower() in WORDS:
        return None
    plain = word.strip().lower()
    order = (MessageStatus.FAILED, *(one for one in UNKNOWN_WORDS if one is not MessageStatus.FAILED))
    return next((one for one in order if any(part in plain for part in UNKNOWN_WORDS[one])), None)


def _place_of(
    name: str, leaves: Sequence[tuple[str, str, Any]], taken: set[str], *, exact: bool, model: type[Payload]
) -> str | None:
    """Where a field stands: by one of its names, of the right kind; else by its kind, where only one is of it."""
    free = [(place, key, value) for place, key, value in leaves if place not in taken]
    if exact:
        for wanted in names_for(name):
            for place, key, value in free:
                if key.lower() == wanted.lower() and _kind_fits(name, value):
                    return place
        return None
    if name in PHONES | TIMES | {"email", "status"}:
        fitting = [place for place, _, value in free if _kind_fits(name, value, strictly=True)]
        return fitting[0] if len(fitting) == 1 else None
    if name in IDS and model.example.get(name):
        fitting = [place for place, key, _ in free if re.search(r"(^|_)u?id$|Id$|uuid", key) and key not in DELIVERIES]
        return fitting[0] if len(fitting) == 1 else None
    return None


def _kind_fits(name: str, value: Any, *, strictly: bool = False) -> bool:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return False
    if name in PHONES:
        return not isinstance(value, list) and (not strictly or e164(str(value), international=True) != "")
    if name in TIMES:
        return moment(value) is not None and not isinstance(value, bool)
    if name == "email":
        return isinstance(value, str) and EMAIL.fullmatch(value) is not None
    if name == "status":
        known = isinstance(value, str) and (status_of(value) is not MessageStatus.OTHER or _meant(value) is not None)
        return known if strictly else isinstance(value, str | int)
    return True


def _leaves(value: Any, at: str = "", depth: int = 0) -> Iterator[tuple[str, str, Any]]:  # noqa: ANN401 - JSON
    """Pointer, name and value of what an event has, the nearest first."""
    if not isinstance(value, dict) or depth > 4:  # noqa: PLR2004 - deeper is nobody's field
        return
    for key, item in value.items():
        if not isinstance(item, dict):
            yield f"{at}/{key}", str(key), item
    for key, item in value.items():
        yield from _leaves(item, f"{at}/{key}", depth + 1)


def _first_event(body: Any) -> tuple[str | None, Any]:  # noqa: ANN401 - JSON
    """Where the list of events stands, and the first of them; None: the body is one event."""
    if isinstance(body, list):
        return "", body[0] if body else {}
    if isinstance(body, dict):
        for name, item in body.items():
            listed = isinstance(item, list) and item and isinstance(item[0], dict)
            if listed and (name in LISTS or len(body) == 1):
                return f"/{name}", item[0]
    return None, body


def _events(body: Any, items: str | None) -> list[Any]:  # noqa: ANN401 - JSON
    if items is None:
        return [body]
    found = body if items == "" else body.get(items[1:], []) if isinstance(body, dict) else []
    return found if isinstance(found, list) else [found]


def _common(places: Sequence[str]) -> str:
    """The object that most of the fields stand in."""
    holders = [place.rpartition("/")[0] for place in places]
    return max(dict.fromkeys(holders), key=holders.count, default="")


def _read(model: type[Payload], row: WebhookRow, bodies: Sequence[Any]) -> tuple[Payload | None, str]:
    reader = corrected(model, row) if row.says else model
    found: Payload | None = None
    try:
        for body in bodies:
            for event in _events(body, row.items):
                found = found or reader.read(event)
                reader.read(event)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return None, f"{'.'.join(map(str, first['loc'])) or 'the body'}: {first['msg'].removeprefix('Value error, ')}"
    return found, ""


def _lost(model: type[Payload], payload: Payload, bodies: Sequence[Any], row: WebhookRow) -> bool:
    """Whether something of ours is there under another name, and was not read."""
    better = proposed(model, bodies)
    shown = json.loads(payload.to_json())
    again, _ = _read(model, better, bodies)
    if again is None:
        return False
    del row
    told = json.loads(again.to_json())
    return any(not shown.get(name) and told.get(name) for name in names_of(model)) or (
        shown.get("status") == MessageStatus.OTHER.value and told.get("status") != MessageStatus.OTHER.value
    )


def _missing(model: type[Payload], payload: Payload) -> tuple[str, ...]:
    told = json.loads(payload.to_json())
    return tuple(name for name in names_of(model) if told.get(name) in (None, "", [], {}))


def _shown(payload: Payload) -> dict[str, Any]:
    told = json.loads(payload.to_json())
    return {name: value for name, value in told.items() if value not in (None, "", [], {})}
