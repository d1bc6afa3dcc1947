"""What a batch holds is seen by flows or stands in a dead letter, each item once; and a letter holds its item alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ErrorCode
from contracts.triggers.registry import TRIGGERS
from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.hook_bodies import Brought, events_of
from services.ingest.parsed_bodies import sent_of
from services.ingest.readers.whatsapp_updates import LISTS, TEMPLATES
from services.ingest.sources.hook import Hook
from services.ingest.sources.load import load
from services.ingest.sources.presets import PRESETS
from tests.support.platforms import ENVIRON

MOST = 3_145_728
CLOSUM = [name for name, model in TRIGGERS.items() if model.title and name.startswith("closum.")]
BATCH = {b"content-type": b"application/cloudevents-batch+json"}
BAD: list[Callable[[str], Any]] = [
    lambda mark: mark,
    lambda mark: [mark],
    lambda mark: {"email": {"x": mark}, "from": [mark], "status": [mark], "to": [mark], "n": mark},
    lambda mark: {"mark": mark},
]
NAMES = [
    *LISTS,
    *("metadata", "contacts", "groups", "id", "from", "from_user_id", "wa_id", "user_id", "type", "text", "body"),
    *("system", "edit", "message", "reaction", "interactive", "recipient_id", "recipient_type", "status", "code"),
    *("profile", "name", "value", "event", "timestamp", "display_phone_number"),
]
Make = Callable[[str], Any]
Whole = Callable[[list[Any]], Any]


def sources() -> dict[str, Any]:
    """All sources whose bodies carry several events: presets, Closum's own triggers, lists in lists, CloudEvents."""
    found: dict[str, Any] = {}
    for name, preset in PRESETS.items():
        if {"items", "platform"} & preset.entry.keys():
            found[name] = preset.source("one")
    token = {"token": {"env": "HOOK_TOKEN_ONE"}}
    for name in CLOSUM:
        found[name.replace(".", "-")] = {"trigger": name, "items": "/rows", **token}
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    found["nested"] = {"schema": schema, "items": "/a/*/b", **token}
    found["cloudevents"] = {"schema": schema, **token}
    return found


SOURCES = sources()


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Hook]:
    """Loaded from one file."""
    file = tmp_path_factory.mktemp("conserved") / "sources.yaml"
    file.write_text(json.dumps({"sources": SOURCES}))
    return {hook.name: hook for hook in load(file, ENVIRON).hooks}


def placed(pointer: str, items: list[Any]) -> Any:
    """A body with the items at a pointer; each `*` on the way splits them over two."""
    if not pointer:
        return items
    name, slash, rest = pointer[1:].partition("/")
    below = slash + rest
    if name == "*":
        half = len(items) // 2
        return [placed(below, items[:half]), placed(below, items[half:])]
    return {name: placed(below, items)}


def whatsapp(items: list[Any]) -> Any:
    """Updates over two changes, in the lists that they name."""
    changes = []
    for part in (items[::2], items[1::2]):
        value: dict[str, Any] = {"metadata": {"phone_number_id": "1"}, "contacts": [{"wa_id": "351912345678"}]}
        for one in part:
            name = one.pop("list") if isinstance(one, dict) and "list" in one else "messages"
            value.setdefault(name, []).append(one)
        changes.append({"field": "messages", "value": value})
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}


def good(name: str) -> list[Make]:
    """Items that this source reads, with a mark in each."""
    if name == "whatsapp_cloud":
        kinds = ("text", "revoke", "edit", "reaction", "system", "unsupported", "hologram", "image", "interactive")
        made: list[Make] = [partial(_message, kind) for kind in kinds]
        return [*made, *(partial(_listed, one) for one in ("statuses", "calls", "message_echoes", "errors"))]
    if name in {"nested", "cloudevents"}:
        return [lambda mark: {"n": 1, "mark": mark}]
    trigger = name.replace("-", ".")
    if trigger in TRIGGERS:
        return [lambda mark: {**TRIGGERS[trigger].example, "mark": mark}]
    bodies = [body for sample in PRESETS[name].samples for body in sample.seen]
    return [lambda mark, body=body: {**body, "mark": mark} for body in bodies]  # type: ignore[misc]


def _message(kind: str, mark: str) -> Any:
    return {"from": "351912345678", "id": mark, "timestamp": "1772443800", "type": kind, kind: {"x": 1}}


def _listed(name: str, mark: str) -> Any:
    return {"list": name, "id": mark, "status": "read", "recipient_id": "351912345678", "code": mark, "to": "1"}


def whole(name: str, items: list[Any]) -> Any:
    """The body that carries the items."""
    if name == "whatsapp_cloud":
        return whatsapp(items)
    if name == "cloudevents":
        told = {"specversion": "1.0", "source": "s", "type": "t"}
        return [{**told, "id": str(number), "data": item} for number, item in enumerate(items)]
    pointer = SOURCES[name]["items"]
    return placed(pointer, items)


def brought(hook: Hook, body: Any, headers: dict[bytes, bytes], again: str = "") -> Brought:
    """What a body gives, without Kafka."""
    request = AuthRequest("POST", "/", b"", headers, json.dumps(body).encode())
    return events_of(hook, sent_of(request, Proven(), MOST, again))


def marks(text: str) -> list[str]:
    """Those in a text, each once."""
    return sorted({word for word in text.replace('"', " ").split() if word.startswith("mark-")})


@pytest.mark.parametrize("name", SOURCES)
@given(st.lists(st.integers(0, 11), min_size=1, max_size=12))
def test_sent_is_seen_or_in_a_letter(hooks: dict[str, Hook], name: str, drawn: list[int]) -> None:
    """By its mark: each item once; events differ by their ids; each letter, read again, gives its item and no other."""
    hook, makers = hooks[name], good(name)
    headers = BATCH if name == "cloudevents" else {b"content-type": b"application/json"}
    sent = []
    for number, one in enumerate(drawn):
        made = makers[number % len(makers)] if one % 3 else BAD[one // 3 % len(BAD)]
        sent.append(made(f"mark-{number}-"))
    result = brought(hook, whole(name, sent), headers)
    seen = [mark for event in result.events for mark in marks(event.value.decode())]
    dead = [mark for one in result.unread for mark in marks(json.dumps(one.alone()))]
    assert Counter(seen + dead) == Counter(f"mark-{number}-" for number in range(len(drawn)))
    # A platform that tells one delivery from another by the item's own id has one for items that are alike.
    if name in {"whatsapp_cloud", "nested", "cloudevents"}:
        assert len({event.identity for event in result.events}) == len(result.events)
    for dead_one in result.unread:
        again = brought(hook, dead_one.alone(), headers, again="/x")
        told = [(one.code, one.why) for one in again.unread]
        assert (again.events, told) == ([], [(dead_one.code, dead_one.why)])


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["system", "edit", "interactive"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=8), st.sampled_from(["messages", "x", *TEMPLATES]))
def test_whatever_stands_in_a_change_breaks_nothing(hooks: dict[str, Hook], value: dict[str, Any], field: str) -> None:
    """It is events and letters, one or more, and no fault of ours; a letter read again is the same letter."""
    body = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": field, "value": value}]}],
    }
    headers = {b"content-type": b"application/json"}
    result = brought(hooks["whatsapp_cloud"], body, headers)
    assert result.events or result.unread
    assert {one.code for one in result.unread} <= {ErrorCode.SHAPE_INVALID}
    for dead in result.unread:
        again = brought(hooks["whatsapp_cloud"], dead.alone(), headers)
        assert (again.events, [one.why for one in again.unread]) == ([], [dead.why])
