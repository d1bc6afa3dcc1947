"""`wait` and `cancel_on`: how long, what ends it, and that done again a step does the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import EndedBy, Outcome, Run, Wake
from services.flows.advance import advance
from services.flows.catalogue import BaseInputs, Tool
from services.flows.compile import compile_flow
from services.flows.entities import same_key
from services.flows.index import FlowIndex
from services.flows.needs import Pause
from services.flows.outcomes import Act, End, Next, Sleep
from services.flows.waiting import hashes_of
from tests.support.flows import NOW, TOOLS, compiled, event, faults_of, first, flow_text, source, texts_of

CALL = "- action: http.call\n  with: { method: POST, url: / }\n"
CANCEL = '  cancel_on: { trigger: shop.ordered, key: "${ trigger.from }" }\n'


def slept(result: Next) -> Sleep:
    """The result, which must be a wait."""
    assert isinstance(result, Sleep), result
    return result


def wake(sleep: Sleep, by: EndedBy = EndedBy.TIME, **more: Any) -> Wake:
    """The end of a wait, at its moment unless `due` says otherwise."""
    return Wake(**{"timer": sleep.timer, "due": sleep.until, "by": by} | more)


def over_kafka(run: Run) -> Run:
    """The run as it comes back."""
    return Run.model_validate_json(run.to_bytes())


@pytest.mark.parametrize(
    ("wait", "raw", "expected"),
    [
        ("2h", {}, NOW + timedelta(hours=2)),
        ('"${ trigger.raw.delay }"', {"delay": "90m"}, NOW + timedelta(minutes=90)),
        ('"${ trigger.raw.delay }"', {"delay": 30}, NOW + timedelta(seconds=30)),
        ("{ for: 1d }", {}, NOW + timedelta(days=1)),
        ('{ until: "${ trigger.raw.at }" }', {"at": "2026-06-01T10:00:00+02:00"}, datetime(2026, 6, 1, 8, tzinfo=UTC)),
        (
            '{ until: "${ trigger.raw.at }", zone: Europe/Lisbon }',
            {"at": "2026-06-01"},
            datetime(2026, 5, 31, 23, tzinfo=UTC),
        ),
        ('{ until: "2020-01-01T00:00Z" }', {}, NOW),  # over: it ends at once
        ("{ working_hours: { zone: Europe/Lisbon } }", {}, datetime(2026, 6, 1, 8, tzinfo=UTC)),  # NOW is a Sunday
        (
            "{ for: 10h, working_hours: { zone: UTC, days: sun-mon, hours: [08:00-20:00] } }",
            {},
            datetime(2026, 6, 1, 8, tzinfo=UTC),
        ),
    ],
)
def test_how_long(wait: str, raw: dict[str, Any], expected: datetime) -> None:
    flow = compiled(f"- wait: {wait}\n{CALL}")
    assert slept(first(flow, raw=raw)).until == expected


@pytest.mark.parametrize("delay", ["soon", -1, True, {"a": 1}, "20y"])
def test_a_delay_that_is_none_is_dead_for_the_author(delay: object) -> None:
    end = first(compiled(f'- wait: "${{ trigger.raw.delay }}"\n{CALL}'), raw={"delay": delay})
    assert isinstance(end, End)
    assert (end.outcome, end.code, end.step) == (Outcome.DEAD, ErrorCode.EXPRESSION_FAILED, "0")


@pytest.mark.parametrize("at", ["tomorrow", "2026-06-01T10:00:00", 5, "9999-12-31T23:59:59-23:00"])
def test_a_moment_that_is_none_is_dead_for_the_author(at: object) -> None:
    end = first(compiled(f'- wait: {{ until: "${{ trigger.raw.at }}" }}\n{CALL}'), raw={"at": at})
    assert isinstance(end, End)
    assert (end.outcome, end.code) == (Outcome.DEAD, ErrorCode.EXPRESSION_FAILED)


def test_a_wait_ends_and_the_flow_goes_on() -> None:
    """Also when it is the last step: then the run is delivered."""
    flow = compiled(f"- wait: 2h\n{CALL}- wait: 1h\n")
    sleep = slept(first(flow))
    act = advance(flow, over_kafka(sleep.run), wake=wake(sleep))
    assert isinstance(act, Act)
    assert act.request.step == "1"
    last = advance(flow, sleep.run.model_copy(update={"at": "2"}), now=NOW)
    end = advance(flow, slept(last).run, wake=wake(slept(last)))
    assert isinstance(end, End)
    assert end.outcome is Outcome.DELIVERED


def test_a_step_that_is_done_again_asks_for_the_same_wait() -> None:
    """Later, too, and when its moment is over by then: the id is the same, so that it is set once and ends once."""
    flow = compiled('- wait: { until: "2026-06-01T00:00Z" }\n' + CALL)
    one = slept(first(flow))
    again = slept(advance(flow, one.run, now=NOW + timedelta(days=9)))
    assert again.timer == one.timer
    other = slept(first(compiled('- wait: { until: "2026-06-02T00:00Z" }\n' + CALL)))
    assert other.timer != one.timer


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ("", (Outcome.FILTERED, "0")),
        ("stop", (Outcome.FILTERED, "0")),
        ("continue", "1"),
        ('[{ stop: "it came" }]', (Outcome.FILTERED, "0.cancel_on.0")),
        ("[{ set: { a: 1 } }]", "1"),
    ],
)
def test_what_an_event_that_ends_a_wait_does(then: str, expected: object) -> None:
    cancel = f'  cancel_on: {{ trigger: shop.ordered, key: "${{ trigger.from }}"{then and ", then: "}{then} }}\n'
    flow = compiled(f"- wait: 2h\n{cancel}{CALL}")
    sleep = slept(first(flow))
    after = advance(flow, over_kafka(sleep.run), wake=wake(sleep, EndedBy.EVENT, why="shop.ordered came"))
    found = (after.outcome, after.step) if isinstance(after, End) else isinstance(after, Act) and after.request.step
    assert found == expected


def test_a_person_who_ends_a_wait_ends_the_run() -> None:
    """Whatever `then` says, and also where a tool waits."""
    flow = compiled(
        f"- wait: 2h\n  cancel_on: {{ trigger: shop.ordered, key: '${{ trigger.from }}', then: continue }}\n{CALL}"
    )
    sleep = slept(first(flow))
    end = advance(flow, sleep.run, wake=wake(sleep, EndedBy.HAND, why="cancelled by ana"))
    assert isinstance(end, End)
    assert (end.outcome, end.reason, end.step) == (Outcome.FILTERED, "cancelled by ana", "0")


def test_the_event_with_the_key_has_the_hash_of_the_wait() -> None:
    """By its subject, in whatever spelling; another trigger, account or key has another one."""
    flow = compiled(f"- wait: 2h\n{CANCEL}{CALL}")
    cancel = slept(first(flow)).cancel
    arriving = event().model_copy(update={"subject": "+912 345-678"})
    assert hashes_of(arriving, FlowIndex([flow]).matches("shop.ordered")) == [cancel]
    for changes in ({"type": "shop.visited"}, {"account": "other"}, {"subject": "912345679"}):
        assert cancel not in hashes_of(arriving.model_copy(update=changes), ())


def test_match_reads_the_key_from_the_event_that_comes() -> None:
    """An event without it ends nothing, and harms nothing."""
    steps = '- wait: 2h\n  cancel_on: { trigger: shop.visited, key: "${ trigger.id }", match: "${ trigger.page }" }\n'
    flow = compiled(steps + CALL)
    cancel = slept(first(flow)).cancel
    index = FlowIndex([flow])
    visit = Event(id="v", source="/shop", type="shop.visited", subject="x", data={"id": "1", "page": "7"})
    assert cancel in hashes_of(visit, index.matches("shop.visited"))
    without = visit.model_copy(update={"data": {"id": "1", "page": None}})
    assert len(hashes_of(without, index.matches("shop.visited"))) == 1


@pytest.mark.parametrize("nobody", ["", " "])
def test_a_key_that_is_empty_is_no_events(nobody: str) -> None:
    """It counts as absent: the wait ends by its time alone, also when an event comes that has no key either."""
    steps = '- wait: 2h\n  cancel_on: { trigger: shop.visited, key: "${ trigger.from }", match: "${ trigger.page }" }\n'
    flow = compiled(steps + CALL)
    assert slept(first(flow, **{"from": nobody})).cancel is None
    visit = Event(id="v", source="/shop", type="shop.visited", subject="x", data={"id": "1", "page": nobody})
    assert len(hashes_of(visit, FlowIndex([flow]).matches("shop.visited"))) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+351 912 345 678", "00351912345678", True),
        ("(351) 912-345-678", "351912345678", True),
        (" Ana@Example.com", "ana@example.COM ", True),
        ("912345678", "912345679", False),
        ("ana 1", "ana1", False),
        ("12", "0012", False),  # too short for a phone
    ],
)
def test_keys_are_compared_as_people_mean_them(one: str, other: str, same: object) -> None:
    assert (same_key(one) == same_key(other)) is same


@given(st.text())
def test_a_compared_key_stays_as_it_is(text: str) -> None:
    assert same_key(same_key(text)) == same_key(text)


def test_a_wake_for_a_step_that_does_not_wait_is_dead() -> None:
    flow = compiled(f"- wait: 2h\n{CALL}")
    sleep = slept(first(flow))
    end = advance(flow, sleep.run.model_copy(update={"at": "1"}), wake=wake(sleep))
    assert isinstance(end, End)
    assert end.code is ErrorCode.RUN_INVALID


class Nothing(BaseInputs):
    """No inputs, no outputs."""


async def twice(_: Nothing) -> Nothing:
    """Pauses for an hour, then for another."""
    await Pause(NOW.timestamp() + 3600)
    await Pause(NOW.timestamp() + 7200)
    return Nothing()


def test_a_tool_that_pauses_waits_and_is_done_anew_by_the_wake() -> None:
    """By the moments of wakes, not by the clock: a replay at any later time does the same."""
    tools = {**TOOLS, "twice": Tool("twice", "Pauses.", Nothing, Nothing, twice)}
    flow = compile_flow(source(flow_text(f"- tool: twice\n{CALL}")), tools)
    one = slept(first(flow))
    late = NOW + timedelta(days=3)
    two = slept(advance(flow, over_kafka(one.run), wake=wake(one), now=late))
    assert (one.until, two.until) == (NOW + timedelta(hours=1), NOW + timedelta(hours=2))
    assert one.timer != two.timer
    assert isinstance(advance(flow, over_kafka(two.run), wake=wake(two), now=late), Act)


# (steps, what must be reported)
WRONG = [
    ("- wait: 2 hours", ["4:9 duration_invalid"]),
    ("- wait: { for: 1h, until: 2026-06-01 }", ["4:9 value_invalid", "4:27 value_invalid"]),
    ("- wait: { zone: UTC }", ["4:9 key_missing"]),
    ("- wait: { until: noon }", ["4:18 value_invalid"]),
    ("- wait: { untill: 2026-06-01 }", ["4:11 key_unknown", "4:19 value_invalid"]),
    ("- wait: { working_hours: {} }", ["4:26 key_missing"]),
    ("- wait: { working_hours: { zone: Lisbon, days: mo, hours: 9-18, holidays: x } }",
     ["4:34 value_invalid", "4:48 value_invalid", "4:59 value_invalid", "4:75 value_invalid"]),
    ("- wait: { working_hours: always }", ["4:26 value_invalid"]),
    ("- wait: [1h]", ["4:9 duration_invalid"]),
    ('- wait: "${ trigger.address }"', ["4:20 field_may_be_absent", "4:13 expression_type"]),
    ("- wait: 1h\n  cancel_on: shop.ordered", ["5:14 value_invalid"]),
    ("- wait: 1h\n  cancel_on: { trigger: shop.ordered }", ["5:14 key_missing"]),
    ("- wait: 1h\n  cancel_on: { trigger: shop.order, key: '${ trigger.id }' }", ["5:25 trigger_unknown"]),
    ("- wait: 1h\n  cancel_on: { trigger: shop.ordered, key: ana }", ["5:44 value_invalid"]),
    ("- wait: 1h\n  cancel_on: { trigger: shop.ordered, key: '${ trigger.id }', match: id }",
     ["5:70 value_invalid"]),
    ("- wait: 1h\n  cancel_on: { trigger: shop.visited, key: '${ trigger.id }', match: '${ trigger.tags }' }",
     ["5:82 field_unknown"]),
    ("- wait: 1h\n  cancel_on: { trigger: shop.ordered, key: '${ trigger.id }', match: '${ trigger.tags }' }",
     ["5:74 expression_type"]),
    ("- wait: 1h\n  cancel_on: { trigger: shop.ordered, key: '${ trigger.id }', then: go }",
     ["5:69 value_invalid"]),
    ("- wait: 1h\n  on_error: continue", ["5:3 key_unknown"]),
]  # fmt: skip


@pytest.mark.parametrize(("step", "expected"), WRONG)
def test_each_mistake_is_found_at_its_place(step: str, expected: list[str]) -> None:
    text = flow_text(f"{step}\n- stop: end")
    assert sorted(faults_of(text)) == sorted(expected), texts_of(text)


def test_what_a_branch_gave_may_not_be_there_after_the_wait() -> None:
    """The branch of `cancel_on` is one of two ways."""
    cancel = "  cancel_on: { trigger: shop.ordered, key: '${ trigger.id }', then: [{ set: { came: yes-it-did } }] }\n"
    text = flow_text(f"- wait: 1h\n{cancel}- stop: ${{ came }}")
    assert faults_of(text) == ["6:12 step_may_not_have_run"]
