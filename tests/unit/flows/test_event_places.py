"""Which field of a body tells one event from another: never one that stays the same while things change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.flows.declared_triggers import Declared, Places, declared
from services.flows.event_places import event_places

AT = "2026-03-02T09:30:00Z"
NAMED = [
    ({"event_id": "e1", "id": 7, "stage": 2}, "/event_id"),
    ({"eventId": 100, "objectId": 7, "occurredAt": 1}, "/eventId"),
    ({"meta": {"id": "m1", "entity_id": 7}, "data": {"id": 7, "stage_id": 2}}, "/meta/id"),
    ({"message_id": "w1", "from": "351912345678", "text": "Sim"}, "/message_id"),
    ({"MessageSid": "SM1", "From": "+351912345678", "Body": "Sim"}, "/MessageSid"),
    ({"id": "evt_1NG8Du2eZ", "type": "charge.succeeded", "data": {"object": {"id": "ch_1"}}}, "/id"),
    ({"id": 991, "event": "deal.updated", "data": {"id": 77, "stage": 2}}, "/id"),
    ({"event-data": {"id": "G9Bn5sl", "event": "opened", "timestamp": 1521472262.9}}, "/event-data/id"),
]
TOGETHER = [
    ({"id": 7, "stage": 2, "updated_at": AT}, ["/id", "/stage", "/updated_at"]),
    ({"event": "deal.updated", "data": {"id": 7, "updated_at": AT}}, ["/data/id", "/event", "/data/updated_at"]),
    ({"event": "order.paid", "timestamp": 1772443800, "order": {"id": 7}}, ["/order/id", "/event", "/timestamp"]),
    ({"company_id": 1, "data": {"id": 7, "updated_at": AT}}, ["/data/id", "/company_id", "/data/updated_at"]),
    (
        {"event": "won", "timestamp": 1, "user": {"id": 1}, "deal": {"id": 7}},
        ["/user/id", "/deal/id", "/event", "/timestamp"],
    ),
    ({"contact_id": 7, "list_id": 2, "updated_at": AT}, ["/contact_id", "/list_id", "/updated_at"]),
    ({"MessageSid": "SM1", "MessageStatus": "sent"}, ["/MessageSid", "/MessageStatus"]),
    ({"event": "message.read", "message_id": "m1"}, ["/message_id", "/event"]),
    ({"subscription_id": "s1", "status": "active", "modified": AT}, ["/subscription_id", "/status", "/modified"]),
]
BY_CONTENT = [
    {"id": 7, "title": "Casa", "stage": 2},
    {"id": 7, "created_at": AT, "stage": 2},
    {"id": 7, "updated_at": "2026-03-02", "stage": 2},
    {"id": 7, "event": "deal.updated", "data": {"id": 7, "stage": 2}},
    {"id": 7, "stage": 2, "customer": {"id": 1, "updated_at": AT}},
    {"action": "fixed", "alert": {"number": 3}, "rule": {"id": 5}, "repository": {"id": 1, "updated_at": AT}},
    {"contact_id": 7, "tags": ["feira"]},
    {"subscriptionId": "s1", "plan": "pro"},
    {"order": {"uuid": "0b1c", "total": 9}},
    {"webhook": {"id": 3}, "lead": {"name": "Ana"}},
    {"name": "Ana"},
]


@pytest.mark.parametrize(("body", "pointer"), NAMED)
def test_what_names_the_event_is_its_id(body: dict[str, Any], pointer: str) -> None:
    """By its name, by where it stands, or as what it brings has an id of its own; a person reads why."""
    found = event_places([body])
    assert found.identity == pointer
    assert pointer in found.why


@pytest.mark.parametrize(("body", "pointers"), TOGETHER)
def test_what_names_a_thing_counts_with_its_change(body: dict[str, Any], pointers: list[str]) -> None:
    """With what happened, the state and the time of it."""
    assert event_places([body]).identity == {"all": pointers}


@pytest.mark.parametrize("body", BY_CONTENT)
def test_without_a_time_of_the_change_the_content_has_to_do(body: dict[str, Any]) -> None:
    """A time that does not move with the thing is none: when it was made, a day, another thing's."""
    found = event_places([body])
    assert found.identity is None
    assert found.why


@pytest.mark.parametrize("body", [body for body, _ in (*NAMED, *TOGETHER)] + BY_CONTENT)
def test_stages_of_one_thing_are_events(body: dict[str, Any]) -> None:
    """Whatever is proposed: a change of what it is about, later, has another id or none; a redelivery the same."""

    def identity(sent: dict[str, Any]) -> str | None:
        found = event_places([body]).identity
        places = (
            Places(together=tuple(found["all"])) if isinstance(found, dict) else Places(tuple(filter(None, [found])))
        )
        model = declared("webhook.x", {"type": "object"}, places, {})
        assert issubclass(model, Declared)
        return model.read(sent).own_id()

    def later(value: Any, name: str = "") -> Any:
        """The next event about the same thing: of one with an id of its own another id, else a later time and stage."""
        moves = ("stage", "status", "updated", "modified", "time", "event", "message", "meta", "occurred")
        if isinstance(value, dict):
            return {key: later(inner, f"{name}/{key}".lower()) for key, inner in value.items()}
        own = name == "/id" and value in {991, "evt_1NG8Du2eZ"}
        return f"{value}0" if own or (any(word in name for word in moves) and not name.endswith("entity_id")) else value

    assert identity(body) == identity(json.loads(json.dumps(body)))
    first, second = identity(body), identity(later(body))
    assert first is None or first != second


@pytest.mark.parametrize(
    ("body", "subject"),
    [({"id": 7, "email": "a@b.pt"}, "/email"), ({"id": 7, "stage": 2}, "/id"), ({"text": "Sim"}, None)],
)
def test_the_subject_is_a_person_or_the_thing(body: dict[str, Any], subject: str | None) -> None:
    """Changes of one deal keep their order."""
    assert event_places([body]).subject == subject


def test_several_bodies_tell_more_than_one() -> None:
    """An id that two different ones have names no event; a field that one of them lacks is no place."""
    one = {"event_id": 12, "id": 7, "seat": "A1"}
    assert event_places([one, {**one, "event_id": 13}]).identity == "/event_id"
    assert event_places([one, {**one, "seat": "A2"}]).identity is None
    assert event_places([one, {"id": 8}]).identity is None
