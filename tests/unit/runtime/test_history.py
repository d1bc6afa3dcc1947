"""Ends of runs and events: counted when Kafka has them, with what can be known of whose end it is."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from aiokafka.errors import InvalidTimestampError, RecordListTooLargeError
from prometheus_client import REGISTRY

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.ids import stable_id
from contracts.runs import HistoryRecord, Outcome, Run
from contracts.topics import ACTIONS, EVENTS, EVENTS_DLQ, HISTORY, MAX_MESSAGE_BYTES, RUNS, RUNS_DLQ, Topic
from services.runtime.kafka import ConsumedRecord, Headers, MessageTooLargeError, history
from services.runtime.kafka.dead_letters import by_reference, dead_letter, smaller
from services.runtime.kafka.offset_gaps import Gap
from services.runtime.kafka.sizes import MAX_DEAD_BYTES, MAX_RECORD_BYTES, check_size, refusal

EVENT = Event(id="e", source="/hooks/a", type="a.b", subject="s", account="acme", accepted=datetime.now(UTC), data={})
RUN = Run(id="r", flow="f", version="v", event=EVENT, key="k")


def counted(name: str, **labels: str) -> float:
    """The value of a metric."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def record(topic: Topic, value: object) -> ConsumedRecord:
    """A record of a topic."""
    return ConsumedRecord(topic, topic.name, 0, 7, b"k", orjson.dumps(value), [])


def test_an_end_is_counted_when_it_is_acknowledged() -> None:
    """And not before: what is made again, because its batch was, is not one end more."""
    runs = {"flow": "f", "outcome": "delivered"}
    names: list[tuple[str, dict[str, str]]] = [
        ("flows_runs_ended_total", runs),
        ("flows_delivery_seconds_count", {"flow": "f"}),
        ("flows_events_ended_total", {"outcome": "filtered"}),
        ("flows_events_ended_total", {"outcome": "dead"}),
        ("flows_dead_letters_total", {"topic": "events.dlq", "code": "bug"}),
    ]
    before = [counted(name, **labels) for name, labels in names]
    taken = record(EVENTS, {})
    made = [
        history.end_of_run(RUN, Outcome.DELIVERED),
        history.event_without_run(EVENT, taken, Outcome.FILTERED, "no flow for it"),
        history.unreadable(taken, "no", ErrorCode.EVENT_INVALID),
        dead_letter(taken, ErrorCode.BUG, "no", "tools"),
    ]
    assert [counted(name, **labels) for name, labels in names] == before
    for output in made:
        output.on_acknowledged()
    assert [counted(name, **labels) for name, labels in names] == [one + 1 for one in before]


@pytest.mark.parametrize("topic", [EVENTS, RUNS, ACTIONS])
def test_the_end_of_what_nobody_can_read_says_whose_it_is(topic: Topic) -> None:
    """As far as it can be told, wherever the event is in the message; texts are cut."""
    event = {"id": "e", "source": "/hooks/a", "account": "acme", "subject": "s" * 600}
    value = event if topic is EVENTS else {"run": {"id": "r", "flow": "f", "event": event}}
    ended = HistoryRecord.read(history.unreadable(record(topic, value), "x" * 9999, ErrorCode.RUN_INVALID).value)
    assert (ended.event_id, ended.source, ended.account, ended.subject) == ("e", "/hooks/a", "acme", "s" * 512)
    if topic is not EVENTS:
        assert (ended.run_id, ended.flow) == ("r", "f")
    assert (len(ended.reason or ""), ended.outcome) == (2000, Outcome.DEAD)


@pytest.mark.parametrize("value", [None, 1, [], {}, {"run": 1}, {"run": {"event": []}}, {"id": 1, "run": {"id": None}}])
@pytest.mark.parametrize("topic", [EVENTS, RUNS, ACTIONS])
def test_an_end_can_be_told_of_anything(topic: Topic, value: object) -> None:
    """Its id is that of the record then."""
    first, second = (history.unreadable(record(topic, value), "no", ErrorCode.EVENT_INVALID) for _ in range(2))
    ended, again = HistoryRecord.read(first.value), HistoryRecord.read(second.value)
    assert (ended.run_id, ended.account) == (again.run_id, "default")


def test_an_end_says_all_that_is_known() -> None:
    """Of a run and of an event without one, under the event's key; a reason is cut."""
    known = {"event_id": "e", "source": "/hooks/a", "account": "acme", "subject": "s", "accepted": EVENT.accepted}
    more = {"code": ErrorCode.CALL_REJECTED, "step": "0"}
    ended = history.end_of_run(RUN, Outcome.DEAD, reason="x" * 2001, code=ErrorCode.CALL_REJECTED, step="0")
    assert (ended.topic, ended.key, ended.headers) == (HISTORY, b"acme/s", None)
    told = HistoryRecord.read(ended.value)
    assert told == HistoryRecord(
        run_id="r", outcome=Outcome.DEAD, at=told.at, flow="f", reason="x" * 2000, **known, **more
    )
    assert (datetime.now(UTC) - told.at).total_seconds() < 60
    told = HistoryRecord.read(history.end_of_run(RUN, Outcome.DELIVERED).value)
    assert told == HistoryRecord(run_id="r", outcome=Outcome.DELIVERED, at=told.at, flow="f", **known)
    ended = history.event_without_run(EVENT, record(EVENTS, {}), Outcome.DEAD, "y" * 2001, ErrorCode.SYNC_LOOP)
    assert (ended.topic, ended.key, ended.headers) == (HISTORY, b"acme/s", None)
    told = HistoryRecord.read(ended.value)
    assert told == HistoryRecord(
        run_id=stable_id("record", "events/0/7"),
        outcome=Outcome.DEAD,
        at=told.at,
        reason="y" * 2000,
        code=ErrorCode.SYNC_LOOP,
        **known,
    )


def test_the_end_of_what_nobody_can_read_is_whole() -> None:
    """Its id is that of the run, or of the record; what is no text, or not there, is empty."""
    for topic, value, run_id, flow in (
        (RUNS, {"run": {"id": "r", "flow": "f", "event": {"id": "e", "source": 5}}}, "r", "f"),
        (EVENTS, {"id": "e", "flow": "f", "source": None}, stable_id("record", "events/0/7"), None),
    ):
        ended = history.unreadable(record(topic, value), "no", ErrorCode.RUN_INVALID)
        assert (ended.topic, ended.key, ended.headers) == (HISTORY, b"default/", None)
        told = HistoryRecord.model_validate_json(ended.value or b"")
        assert told.model_dump(exclude={"at"}) == {
            "run_id": run_id,
            "event_id": "e",
            "source": "",
            "account": "default",
            "subject": "",
            "outcome": Outcome.DEAD,
            "flow": flow,
            "step": None,
            "reason": "no",
            "code": ErrorCode.RUN_INVALID,
            "accepted": None,
            "last_call": None,
            "need_answers": None,
        }
        assert (datetime.now(UTC) - told.at).total_seconds() < 60
    for raw in (None, b"", b"{", b"\xff"):
        made = ConsumedRecord(RUNS, "runs", 0, 7, b"k", raw, [])
        told = HistoryRecord.model_validate_json(history.unreadable(made, "no", ErrorCode.RUN_INVALID).value or b"")
        assert (told.run_id, told.event_id) == (stable_id("record", "runs/0/7"), "")


def test_how_long_a_delivery_took_is_observed_of_what_was_delivered() -> None:
    """From when ingest took the event; a clock that is behind makes it no less than nothing."""
    labels = {"flow": "timed"}
    for outcome, accepted, seconds, more in (
        (Outcome.DELIVERED, datetime.now(UTC) - timedelta(seconds=90), 90, 1),
        (Outcome.DELIVERED, datetime.now(UTC) + timedelta(seconds=90), 0, 1),
        (Outcome.FILTERED, datetime.now(UTC), 0, 0),
        (Outcome.DELIVERED, None, 0, 0),
    ):
        names = ("flows_delivery_seconds_sum", "flows_delivery_seconds_count")
        before = [counted(name, **labels) for name in names]
        run = RUN.model_copy(update={"flow": "timed", "event": EVENT.model_copy(update={"accepted": accepted})})
        history.end_of_run(run, outcome).on_acknowledged()
        took, count = (counted(name, **labels) - one for name, one in zip(names, before, strict=True))
        assert (round(took), count) == (seconds, more)


def test_a_dead_letter_says_all_that_is_known() -> None:
    """Key and value as they were; the other headers too, but for those of an earlier letter."""
    taken = ConsumedRecord(
        RUNS, "mine.runs", 3, 7, b"k", b"v", [("a", b"b"), ("flows-cause", b"earlier"), ("none", None)]
    )
    made = dead_letter(taken, ErrorCode.BUG, "why", "tools", run_id="r", step=None)
    assert (made.topic, made.key, made.value) == (RUNS_DLQ, b"k", b"v")
    assert [header for header in made.headers or [] if not header[0].startswith("flows-")] == [
        ("a", b"b"),
        ("none", None),
    ]
    told = DeadLetter.from_headers(made.headers or [])
    assert told.model_dump(exclude_none=True, exclude={"at"}) == {
        "topic": "mine.runs",
        "partition": 3,
        "offset": 7,
        "code": ErrorCode.BUG,
        "who_must_act": ErrorCode.BUG.who_must_act,
        "cause": "why",
        "attempts": 1,
        "service": "tools",
        "run_id": "r",
    }
    gap = dead_letter(replace(taken, value=Gap(4, "no codec")), ErrorCode.RECORD_UNREADABLE, "no codec", "tools")
    assert DeadLetter.from_headers(gap.headers or []).first_offset == 4


@pytest.mark.parametrize(("key", "value", "kept"), [(None, None, b""), (None, b"v", None), (b"k", None, b"k")])
def test_a_dead_letter_keeps_what_is_absent(key: bytes | None, value: bytes | None, kept: bytes | None) -> None:
    """But for both: aiokafka's producer takes no such record, and gets an empty key."""
    made = dead_letter(ConsumedRecord(EVENTS, "events", 0, 7, key, value, []), ErrorCode.BUG, "why", "tools")
    assert (made.topic, made.key, made.value) == (EVENTS_DLQ, kept, value)


def test_a_dead_letter_by_reference_says_how_large_it_was() -> None:
    """With its own headers and the first bytes; without those of the original, which may be what is too large."""
    letter = DeadLetter.of(("events", 0, 7), ErrorCode.BUG, "why", "tools")
    own = letter.to_headers()
    headers: Headers = [("a", b"bc"), ("none", None), *own]
    key, value, kept = by_reference(b"k" * 600, b"v" * 5000, headers)
    size = 200 + 600 + 5000 + (12 + 1 + 2) + (12 + 4)
    assert (key, value) == (b"k" * 512, b"v" * 4096)
    assert kept == [*own, ("flows-original-bytes", str(size).encode())]
    assert by_reference(None, None, [])[:2] == (b"", None)
    assert by_reference(None, b"", [])[:2] == (b"", b"")


def test_a_dead_letter_that_is_refused_has_less_and_less() -> None:
    """By reference, then its headers alone, then there is nothing less. Of another topic there is never less."""
    own: Headers = [("flows-code", b"bug")]
    first = smaller(EVENTS_DLQ, b"k", b"v", [("a", b"b"), *own])
    assert first is not None
    assert first[:2] == (b"k", b"v")
    assert [name for name, _ in first[2]] == ["flows-code", "flows-original-bytes"]
    assert smaller(EVENTS_DLQ, *first) == (b"", None, first[2])
    assert smaller(EVENTS_DLQ, b"k", None, first[2]) == (b"", None, first[2])
    assert smaller(EVENTS_DLQ, b"", b"v", first[2]) == (b"", None, first[2])
    assert smaller(EVENTS_DLQ, b"", None, first[2]) is None
    assert smaller(EVENTS, b"k", b"v", own) is None


@pytest.mark.parametrize(
    ("topic", "key", "value", "headers", "told"),
    [
        (EVENTS, 1, MAX_MESSAGE_BYTES, [], ""),
        (
            EVENTS,
            1,
            MAX_MESSAGE_BYTES + 1,
            [],
            f"{MAX_MESSAGE_BYTES + 1} bytes for events, at most {MAX_MESSAGE_BYTES}",
        ),
        (EVENTS, MAX_RECORD_BYTES - 200, 0, [], ""),
        (
            EVENTS,
            MAX_RECORD_BYTES - 199,
            0,
            [],
            f"{MAX_RECORD_BYTES + 1} bytes with key and headers for events, at most {MAX_RECORD_BYTES}",
        ),
        (EVENTS, MAX_RECORD_BYTES - 215, 0, [("é", b"x")], ""),
        (EVENTS, MAX_RECORD_BYTES - 214, 0, [("é", b"x")], "bytes with key and headers for events"),
        (EVENTS_DLQ, 1, MAX_DEAD_BYTES - 201, [], ""),
        (EVENTS_DLQ, 1, MAX_DEAD_BYTES - 200, [], f"at most {MAX_DEAD_BYTES}"),
    ],
)
def test_what_a_topic_takes(topic: Topic, key: int, value: int, headers: Headers, told: str) -> None:
    """To the byte: value alone, and with key and headers and what Kafka puts around them."""
    given = (b"k" * key, b"v" * value if value else None, headers)
    if not told:
        check_size(topic, *given)
        return
    with pytest.raises(MessageTooLargeError, match=re.escape(told)):
        check_size(topic, *given)


def test_what_kafka_says_of_a_record_that_is_too_large_is_one_error() -> None:
    """Everything else is raised as it came."""
    told = refusal(EVENTS, RecordListTooLargeError())
    assert (type(told), str(told)) == (MessageTooLargeError, "more bytes than the topic events takes")
    other = InvalidTimestampError()
    assert refusal(EVENTS, other) is other
