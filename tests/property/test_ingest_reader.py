"""Whatever arrives at a hook is an event of the contract or a refusal, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.events import Event
from contracts.triggers.payload import Payload
from contracts.triggers.registry import TRIGGERS
from services.ingest.body import parse
from services.ingest.envelope import ContentIds, envelope, event_id
from services.ingest.events import accept
from services.ingest.http_problems import Refused, wrong_shape
from services.ingest.readers.reader import ReceivedBody
from services.ingest.readers.single_payload import SinglePayload

MODELS = pytest.mark.parametrize("model", TRIGGERS.values(), ids=TRIGGERS)
CLOSUM = pytest.mark.parametrize("model", [one for one in TRIGGERS.values() if one.title], ids=str)
NAMES = sorted({name for model in TRIGGERS.values() for name in model.spellings} | {"contact", "x", "\x00", ""})

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6),
    max_leaves=20,
)
objects = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)


def received(model: type[Payload], body: bytes) -> Event | Refused:
    """What a hook does with a body, without HTTP and Kafka."""
    try:
        value = parse(body)
    except Refused as refused:
        return refused
    try:
        [reading] = SinglePayload(model).read(ReceivedBody(value))
    except ValueError as error:
        return wrong_shape(error)  # type: ignore[arg-type]  # it fails here unless it is pydantic's
    identity, _ = event_id("/hooks/h", reading, ContentIds("/hooks/h", body))
    key, record = envelope("/hooks/h", "account", reading, identity)
    event = Event.model_validate_json(record)
    assert key == event.key
    assert event.subject
    assert "\x00" not in json.dumps(orjson.loads(record), ensure_ascii=False)
    assert model.read(event.data) == reading.payload
    return event


@CLOSUM
@given(st.binary(max_size=200))
@example(b'{"from": "\\ud800"}')
@example(b'{"from": 1e400}')
@example(b"[" * 100_000)
@example(b"\xef\xbb\xbf\xef\xbb\xbf")
def test_any_bytes(model: type[Payload], body: bytes) -> None:
    """Bytes that are mostly no JSON."""
    result = received(model, body)
    assert isinstance(result, Event) or 400 <= result.status < 500


@MODELS
@given(objects)
def test_any_object(model: type[Payload], value: dict[str, Any]) -> None:
    """Objects with our fields and anything in them: refusals point into the body, and are JSON themselves."""
    result = received(model, json.dumps(value).encode())
    if isinstance(result, Refused):
        problem = orjson.loads(result.body())
        assert problem["status"] in {400, 422}
        assert all(error["pointer"] == "" or error["pointer"][0] == "/" for error in problem.get("errors", ()))


@given(st.dictionaries(st.sampled_from([*Event.model_fields, "x"]), values, max_size=12) | values, objects)
def test_any_event(value: Any, data: dict[str, Any]) -> None:
    """Whole events likewise."""
    for candidate in (
        value,
        {**value, "type": next(iter(TRIGGERS)), "data": data} if isinstance(value, dict) else None,
    ):
        event = accepted(json.dumps(candidate).encode())
        if isinstance(event, Refused):
            assert event.status in {400, 422}
        else:
            assert Event.model_validate_json(event.to_bytes()) == event


def accepted(body: bytes) -> Event | Refused:
    """What /v1/events does with a body."""
    try:
        return accept(parse(body), TRIGGERS)
    except Refused as refused:
        return refused
