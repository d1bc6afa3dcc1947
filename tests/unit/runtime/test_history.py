"""Ends of runs and events: counted when Kafka has them, with what can be known of whose end it is."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from prometheus_client import REGISTRY

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import HistoryRecord, Outcome, Run
from contracts.topics import ACTIONS, EVENTS, RUNS, Topic
from services.runtime.kafka import ConsumedRecord, history
from services.runtime.kafka.dead_letters import dead_letter

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
