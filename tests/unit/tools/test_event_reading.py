"""Events of other teams' producers are read like those that came by HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from contracts.events import Event
from contracts.triggers.payload import Payload
from services.flows.declared_triggers import Declared, read_declaration
from services.ingest.sources.load import declared_triggers
from services.runtime import metrics
from services.runtime.kafka import Headers
from services.tools.event_reading import DeclaredTriggers, event_of

LEAD = Event(
    id="1", source="/shop", type="closum.lead.created", subject="a", data={"phone": "+351 912 345 678", "shop": 7}
)


def test_the_data_of_a_producer_has_the_shape_that_flows_know() -> None:
    """Spellings, phones and unknown fields, as ingest would have done it."""
    data = event_of(LEAD.to_bytes()).data
    assert (data["mobile_number"], data["mobile_number_e164"], data["raw"]) == (
        "+351 912 345 678",
        "+351912345678",
        {"shop": 7},
    )


def test_what_ingest_took_is_not_read_twice() -> None:
    """It says so itself. But for what we made ourselves, which no sender can say."""
    taken = LEAD.model_copy(update={"accepted": datetime.now(UTC)})
    assert event_of(taken.to_bytes()).data == {**LEAD.data, "by_us": False}


@pytest.mark.parametrize("accepted", [None, datetime.now(UTC)])
def test_no_sender_can_say_that_we_made_it(accepted: datetime | None) -> None:
    """Nor that a flow of ours led to it."""
    said = LEAD.model_copy(update={"accepted": accepted, "ledby": "a", "data": {**LEAD.data, "by_us": True}})
    event = event_of(said.to_bytes())
    assert (event.data["by_us"], event.led_by) == (False, ())


def test_a_trigger_that_nobody_declares_passes_as_it_is() -> None:
    """No flow that runs was checked against it."""
    other = LEAD.model_copy(update={"type": "webhook.shop"})
    assert event_of(other.to_bytes()) == other


SHOP = """\
sources:
  shop:
    schema:
      type: object
      required: [ id ]
      properties:
        id: { type: integer }
        total: { type: number }
        at: { type: [ string, "null" ] }
        rows: { type: array, items: { type: object, properties: { n: { type: integer } } } }
    on_mismatch: MISMATCH
    id: /id
    time: /at
    token: { env: T }
"""


def shop(folder: Path, mismatch: str = "refuse") -> tuple[type[Payload], DeclaredTriggers]:
    """The trigger of a sources file, and the same as a deployment tells it to services/tools: by JSON."""
    (folder / "sources.yaml").write_text(SHOP.replace("MISMATCH", mismatch))
    made = declared_triggers(folder / "sources.yaml")["webhook.shop"]
    assert issubclass(made, Declared)
    told = json.loads(json.dumps(made.declaration()))
    return made, {"webhook.shop": read_declaration("webhook.shop", told)}.get


def produced(data: dict[str, Any]) -> bytes:
    """A record of a producer."""
    return LEAD.model_copy(update={"type": "webhook.shop", "data": data}).to_bytes()


FITTING: list[dict[str, Any]] = [
    {"id": 1, "total": 20, "rows": [{"n": 1.0}]},
    {"id": 1.0, "total": 19.9, "at": None, "other": {"a": [1]}},
    {"id": 1e3, "total": "0.1000000000000000055511151231257827", "at": "2026-03-02T09:30:00Z"},
]
WRONG: list[tuple[dict[str, Any], tuple[str | int, ...]]] = [
    ({}, ()),
    ({"id": "7"}, ("id",)),
    ({"id": 1.5}, ("id",)),
    ({"id": 1, "rows": [{"n": 1}, {"n": "x"}]}, ("rows", 1, "n")),
]


@pytest.mark.parametrize("data", FITTING)
def test_a_producer_brings_a_declared_type_as_a_hook_does(data: dict[str, Any], tmp_path: Path) -> None:
    """Brought to the types that flows were checked against, with the same model in the same way."""
    model, declared = shop(tmp_path)
    found = event_of(produced(data), None, declared).data
    assert found == json.loads(model.read(json.loads(json.dumps(data))).to_json())
    assert [type(found["id"]), type(found["total"])] == [int, float]


@pytest.mark.parametrize(("data", "place"), WRONG)
def test_what_no_hook_would_take_is_refused_with_its_place(
    data: dict[str, Any], place: tuple[str | int, ...], tmp_path: Path
) -> None:
    """The processor makes a dead letter of it."""
    _, declared = shop(tmp_path)
    with pytest.raises(ValidationError) as wrong:
        event_of(produced(data), None, declared)
    assert [one["loc"] for one in wrong.value.errors()] == [("data", *place)]


def test_what_its_source_sets_aside_is_set_aside_and_counted(tmp_path: Path) -> None:
    """`on_mismatch: raw`: absent, kept under raw, counted under the name that events of other teams have."""
    _, declared = shop(tmp_path, "raw")
    counter = metrics.FIELDS_OTHERWISE.labels("events", "/total", "a text")
    before = counter._value.get()
    found = event_of(produced({"id": 1, "total": "much"}), None, declared).data
    assert (found.get("total"), found["raw"]) == (None, {"/total": "much"})
    assert counter._value.get() == before + 1


def test_what_a_hook_took_is_not_read_twice(tmp_path: Path) -> None:
    """Nor refused after its source's declaration was changed."""
    _, declared = shop(tmp_path)
    taken = Event.model_validate_json(produced({"id": "old"})).model_copy(update={"accepted": datetime.now(UTC)})
    assert event_of(taken.to_bytes(), None, declared).data == {"id": "old"}


@pytest.mark.parametrize("value", [None, b"", b"{", LEAD.model_copy(update={"data": {"tags": {}}}).to_bytes()])
def test_what_is_no_event_is_one_error(value: bytes | None) -> None:
    """Which the processor makes a dead letter of."""
    with pytest.raises(ValidationError):
        event_of(value)


def written(event: CloudEvent, how: Callable[..., KafkaMessage] = to_binary) -> tuple[bytes | None, Headers]:
    """A record as the CloudEvents SDK writes it."""
    message = how(event, JSONFormat())
    value = message.value
    return value.encode() if isinstance(value, str) else value, list(message.headers.items())


SENT = {
    "id": "1",
    "source": "/shop",
    "type": "closum.lead.created",
    "subject": "a",
    "datacontenttype": "application/json",
}
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("how", [to_binary, to_structured])
@pytest.mark.parametrize("media", ["application/json", "application/json; charset=UTF-8", "application/vnd.shop+json"])
def test_both_content_modes_of_the_sdk_are_read(how: Callable[..., KafkaMessage], media: str) -> None:
    """As the same event, with its extensions and whatever parameters its content type has."""
    attributes = {**SENT, "datacontenttype": media, "time": AT, "account": "porto", "duplicateseconds": 60}
    event = event_of(*written(CloudEvent(attributes, {"email": "ana@example.com", "n": [1, 2.5, None]}), how))
    assert (event.id, event.source, event.subject, event.account) == ("1", "/shop", "a", "porto")
    assert (event.time, event.duplicateseconds, event.datacontenttype) == (AT, 60, "application/json")
    assert (event.data["email"], event.data["raw"]) == ("ana@example.com", {"n": [1, 2.5, None]})


def test_headers_in_binary_mode() -> None:
    """Names in any case, the first of those that repeat, none without a value, text in UTF-8."""
    value, headers = written(CloudEvent(SENT, {"email": "ana@example.com"}))
    odd: Headers = [(name.upper(), one) for name, one in headers if name != "ce_subject"]
    odd += [
        ("ce_subject", None),
        ("ce_subject", "inês".encode()),
        ("ce_subject", b"b"),
        ("ce_id", b"2"),
        ("other", b"\xff"),
    ]
    assert (event_of(value, odd).subject, event_of(value, odd).id) == ("inês", "1")


def test_a_whole_document_counts_more_than_headers() -> None:
    """Its content type says what it is; headers of ours beside it make it no other event."""
    value, headers = written(CloudEvent(SENT, {"email": "ana@example.com"}), to_structured)
    assert event_of(value, [*headers, ("ce_specversion", b"1.0"), ("ce_id", b"2")]).id == "1"
    assert event_of(value, [("ce_id", b"2"), ("traceparent", b"00-1")]).id == "1"


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"email":"a@b.pt"},"id":"2"', b"\xff", b'"text"'])
def test_what_is_no_data_is_one_error(value: bytes | None) -> None:
    """In binary mode too."""
    _, headers = written(CloudEvent(SENT, {"email": "ana@example.com"}))
    with pytest.raises(ValidationError):
        event_of(value, headers)
