"""What is read ahead: in order by lane, bounded, forgotten with its partition; and the pace that says what is slow."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import ActionRequest
from contracts.topics import ACTIONS
from services.actions.queue.assignment import Assignment
from services.actions.queue.outline import Outline, outline
from services.actions.queue.pace import Pace
from services.actions.queue.read_ahead import OBJECTS_BYTES, ReadAhead
from services.runtime.kafka import ConsumedRecord, Headers
from tests.support.actions import request

HERE, THERE = (Assignment(("t", number), cast("Any", None)) for number in range(2))


def record(offset: int, value: bytes = b"", headers: Headers | None = None) -> ConsumedRecord:
    """A record of one topic."""
    return ConsumedRecord(ACTIONS, "t", 0, offset, b"key", value, headers or [])


def about(subject: str, flow: str) -> Outline:
    """A lane at one connection."""
    return Outline(("default", subject, "crm"), flow)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["campaign", "lead"])), max_size=40))
def test_each_lane_is_taken_in_order(wanted: list[tuple[str, str]]) -> None:
    """Whichever flows its records are of; it is held until its last is taken, and nothing is left."""
    ahead = ReadAhead(10**9)
    for offset, (subject, flow) in enumerate(wanted):
        ahead.add(about(subject, flow), record(offset), HERE)
    assert ahead.records == len(wanted)
    taken: list[int] = []
    while ahead.flows:
        for flow in list(ahead.flows):
            before = ahead.waiting_of(flow)
            taken.append(ahead.take(flow)[0].offset)
            assert ahead.waiting_of(flow) == before - 1
            for subject in "abc":
                left = any(one == subject and number not in taken for number, (one, _) in enumerate(wanted))
                assert ahead.holds(about(subject, flow).lane) is left
    for subject in "abc":
        offsets = [offset for offset in taken if wanted[offset][0] == subject]
        assert offsets == sorted(offsets)
    assert sorted(taken) == list(range(len(wanted)))
    assert (ahead.records, ahead.full) == (0, False)


def test_lanes_of_a_flow_take_turns() -> None:
    """So that no lane is worked on alone."""
    ahead = ReadAhead(10**9)
    for offset, subject in enumerate("xxyxz"):
        ahead.add(about(subject, "f"), record(offset), HERE)
    assert [ahead.take("f")[0].offset for _ in range(5)] == [0, 2, 4, 1, 3]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9), st.booleans()), max_size=40),
    st.lists(st.integers(0, 10), max_size=5),
)
def test_what_is_past_its_deadline_is_taken_out_of_its_turn(
    wanted: list[tuple[str, int | None, bool]], moments: list[int]
) -> None:
    """At any moment all that are, once, whatever else was taken before; the others stay in order."""
    ahead, taken = ReadAhead(10**9), set()
    for offset, (subject, deadline, taken_at_once) in enumerate(wanted):
        ahead.add(about(subject, "lead")._replace(deadline=deadline), record(offset), HERE)
        if taken_at_once:
            taken.add(ahead.take("lead")[0].offset)
    for moment in moments:
        due = {
            offset
            for offset, (_, deadline, _) in enumerate(wanted)
            if offset not in taken and deadline is not None and deadline <= moment
        }
        late = [one.offset for one, _ in ahead.late(float(moment))]
        assert sorted(late) == sorted(due)
        taken.update(late)
    assert ahead.records == len(wanted) - len(taken)
    while ahead.flows:
        taken.add(ahead.take("lead")[0].offset)
    assert taken == set(range(len(wanted)))
    assert not ahead.full


def test_it_is_full_over_its_bound_of_bytes_and_not_when_some_are_taken() -> None:
    """Key, value, headers, and what the interpreter needs for them, to the byte."""
    two = 2 * (OBJECTS_BYTES + 3 + 10 + 4)
    for most, full in ((two - 1, True), (two, False)):
        ahead = ReadAhead(most)
        ahead.add(about("a", "f"), record(0, b"0123456789", [("ab", b"cd")]), HERE)
        assert not ahead.full
        ahead.add(about("b", "f"), record(1, b"0123456789", [("ab", b"cd")]), HERE)
        assert ahead.full is full
        ahead.take("f")
        assert not ahead.full


def test_what_was_taken_under_an_assignment_is_forgotten_with_it() -> None:
    """Of one, or of all."""
    ahead = ReadAhead(10**9)
    for offset, prefix in enumerate((HERE, THERE, HERE, THERE)):
        ahead.add(about("both" if offset < 2 else f"own-{offset}", "f"), record(offset), prefix)
    assert ahead.drop((HERE,)) == 2
    assert not ahead.holds(about("own-2", "f").lane)
    assert [ahead.take("f")[0].offset for _ in range(2)] == [1, 3]
    ahead.add(about("a", "f"), record(4), HERE)
    assert ahead.drop() == 1
    assert not ahead.flows


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - see timezones


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1), st.none() | st.text(), st.none() | MOMENTS)
def test_an_outline_is_what_the_whole_request_says(
    subject: str, account: str, flow: str, connection: str | None, deadline: datetime | None
) -> None:
    """Lane, flow and deadline, of any request."""
    one = request(1, subject, connection=connection, deadline=deadline)
    event = one.run.event.model_copy(update={"account": account})
    run = one.run.model_copy(update={"flow": flow, "event": event})
    one = one.model_copy(update={"run": run})
    try:
        value = one.to_bytes()
    except ValueError:
        return  # half a character: such a request is never made
    whole = ActionRequest.model_validate_json(value)
    late = None if whole.deadline is None else whole.deadline.timestamp()
    assert outline(record(0, value)) == Outline(whole.lane, whole.run.flow, late)


def test_what_cannot_be_read_has_no_outline() -> None:
    """It is nobody's lane, so it waits for nobody."""
    for value in (b"", b"{", b"[]", b'{"run": {"flow": "f", "key": "k"}}', b'{"run": {"event": {}, "flow": 1}}'):
        assert outline(record(0, value)) is None


def test_a_pace_is_known_after_a_whole_second_of_waiting() -> None:
    """Who has nothing waiting could do more than it was given: that says nothing."""
    pace = Pace()
    pace.finished("f")
    pace.tick(1.0, ["f"])
    assert pace.of("f") == math.inf
    for _ in range(100):
        pace.finished("f")
    pace.tick(2.0, ["f"])
    assert pace.of("f") == 50.0
    pace.tick(1.0, ["f"])
    assert 40.0 < pace.of("f") < 50.0
    pace.tick(1.0, [])
    assert pace.of("f") == math.inf
