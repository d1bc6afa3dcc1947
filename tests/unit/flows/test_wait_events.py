"""Several events may end a wait, and the steps after it read the one that did; days and zones of the contact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.runs import Answer, EndedBy, Outcome, Wake
from services.flows.advance import advance, begin
from services.flows.compiled import CompiledFlow
from services.flows.durations import DurationError, calendar_days
from services.flows.index import FlowIndex
from services.flows.outcomes import Act, End, Next, Sleep
from services.flows.waiting import Wait, hashes_of
from services.flows.working_hours import zone_of
from tests.support.flows import NOW, compiled, event, faults_of, first, flow_text, texts_of
from tests.unit.flows.test_wait import over_kafka, slept, wake

CALL = "- action: http.call\n  with: { method: POST, url: /%s }\n"
VISIT = '{ trigger: shop.visited, key: "${ trigger.id }", match: "${ trigger.id }", as: visit, then: %s }'
ORDER = '{ trigger: shop.ordered, key: "${ trigger.from }" }'
BRANCH = """
- wait: 2h
  cancel_on:
    - trigger: shop.visited
      key: ${ trigger.id }
      match: ${ trigger.id }
      as: visit
      then:
        - switch: ${ visit.page }
          cases:
            "yes":
              - action: http.call
                with: { method: POST, url: /yes }
        - stop: it was read
    - { trigger: shop.ordered, key: "${ trigger.from }" }
- action: http.call
  with: { method: POST, url: /due }
"""
ROUNDS = """
- for_each: ${ trigger.tags }
  do:
    - wait: 1h
      cancel_on:
        - { trigger: shop.visited, key: "${ trigger.id }", match: "${ trigger.id }", as: visit, then: continue }
    - id: call
      action: http.call
      with: { method: POST, url: /, json: { page: "${ visit.?page }" } }
"""


def read(then: str, after: str = CALL % "x") -> str:
    """A wait that a visit ends, and what is done then."""
    return f"- wait: 2h\n  cancel_on: {VISIT % then}\n{after}"


def visit(page: str, **changes: Any) -> Event:
    """A visit of the order's number."""
    made = Event(id="v", source="/shop", type="shop.visited", subject="x", data={"id": "7", "page": page, "total": 3})
    return made.model_copy(update=changes)


def ended(flow: CompiledFlow, sleep: Sleep, by: Event, *, event: Event | None) -> Next:
    """What comes next when this event ends the wait."""
    (shared,) = set(hashes_of(by, FlowIndex([flow]).matches(by.type))) & set(sleep.cancels)
    back = Wake.model_validate_json(wake(sleep, EndedBy.EVENT, cancel=shared, event=event, why="it came").to_bytes())
    return advance(flow, over_kafka(sleep.run), wake=back, now=NOW)


def test_a_flow_branches_on_the_event_that_came() -> None:
    """Each event has its own way, and the first is read by its name; by time the run goes on without it."""
    flow = compiled(BRANCH)
    sleep = slept(first(flow))
    assert sleep.keeps_event
    came = visit("yes")
    act = ended(flow, sleep, came, event=came)
    assert isinstance(act, Act)
    assert act.request.inputs["url"] == "/yes"
    assert act.request.run.outputs["visit"] == {"id": "7", "page": "yes", "total": 3}
    no = visit("no")
    end = ended(flow, sleep, no, event=no)
    assert isinstance(end, End)
    assert (end.outcome, end.reason) == (Outcome.FILTERED, "it was read")
    bought = event().model_copy(update={"subject": "912345678"})
    end = ended(flow, sleep, bought, event=None)
    assert isinstance(end, End)
    assert (end.outcome, end.reason) == (Outcome.FILTERED, "it came")
    due = advance(flow, sleep.run, wake=wake(sleep))
    assert isinstance(due, Act)
    assert due.request.inputs["url"] == "/due"
    assert "visit" not in due.request.run.outputs


def test_ways_have_the_number_of_their_event_in_the_list() -> None:
    """Where it is one event, its way has the name that it had."""
    flow = compiled(BRANCH)
    sleep = slept(first(flow))
    bought = event().model_copy(update={"subject": "912345678"})
    told: list[tuple[str, str]] = []
    (shared,) = set(hashes_of(bought, ())) & set(sleep.cancels)
    wakes = wake(sleep, EndedBy.EVENT, cancel=shared)
    advance(flow, sleep.run, wake=wakes, trace=lambda path, way: told.append((path, way)))
    assert told == [("0", "cancelled 2")]


def test_the_events_of_a_loop_are_those_of_one_round() -> None:
    """What ended the wait of the round before is not what ends this one."""
    flow = compiled(ROUNDS)
    came = visit("yes")
    sleep = slept(first(flow, tags=["a", "b"]))
    act = ended(flow, sleep, came, event=came)
    assert isinstance(act, Act)
    assert act.request.inputs["json"] == {"page": "yes"}

    answer = Answer(effect_id=act.request.effect_id, step=act.request.step, outputs={"status": 200})
    again = slept(advance(flow, over_kafka(act.request.run), answer=answer, now=NOW))
    act = advance(flow, again.run, wake=wake(again))
    assert isinstance(act, Act)
    assert act.request.inputs["json"] == {}


def test_an_event_that_did_not_fit_ends_the_run_where_it_is_read() -> None:
    """A dead letter says so; where nothing reads it, the run goes on."""
    flow = compiled(BRANCH)
    end = ended(flow, slept(first(flow)), visit("yes"), event=None)
    assert isinstance(end, End)
    assert (end.outcome, end.code) == (Outcome.DEAD, ErrorCode.MESSAGE_TOO_LARGE)
    assert "`visit`" in (end.reason or "")


def test_what_an_older_release_recorded_ends_the_wait_as_then() -> None:
    """Its wake says not which event came: there was one only."""
    flow = compiled(
        "- wait: 2h\n  cancel_on: { trigger: shop.ordered, key: '${ trigger.from }', then: continue }\n" + CALL % "on"
    )
    sleep = slept(first(flow))
    assert (sleep.more_cancels, sleep.keeps_event) == ((), False)
    assert isinstance(advance(flow, sleep.run, wake=wake(sleep, EndedBy.EVENT)), Act)


def test_one_event_alone_and_in_a_list_are_the_same() -> None:
    """A list of one does what the single form does, and versions of flows of today stay."""
    one = compiled(f"- wait: 2h\n  cancel_on: {ORDER}\n" + CALL % "on")
    listed = compiled(f"- wait: 2h\n  cancel_on: [ {ORDER} ]\n" + CALL % "on")
    assert one.version == listed.version
    assert slept(first(one)).cancels == slept(first(listed)).cancels


WRONG = {
    "a name that nothing can read": (
        f"- wait: 2h\n  cancel_on: {VISIT % 'stop'}\n" + CALL % "x",
        "nothing reads 'visit'",
    ),
    "an event read where it may not have come": (
        read("continue", "- set: { a: '${ visit.page }' }\n"),
        "visit",
    ),
    "an event read before the wait": ("- set: { a: '${ visit.page }' }\n" + read("continue"), "visit"),
    "a field that its trigger has not": (
        read("[ { set: { a: '${ visit.pages }' } } ]"),
        "`visit` has no field 'pages': did you mean 'page'?",
    ),
    "a taken name": (read("continue").replace("as: visit", "as: trigger"), "'trigger' is taken"),
    "two events of one name": (
        f"- wait: 2h\n  cancel_on:\n    - {VISIT % 'continue'}\n    - {ORDER[:-2]}, as: visit, then: continue }}\n"
        + CALL % "x",
        "choose another name",
    ),
    "the same event twice": (f"- wait: 2h\n  cancel_on: [ {ORDER}, {ORDER} ]\n" + CALL % "x", "by an item before"),
    "no event": ("- wait: 2h\n  cancel_on: []\n" + CALL % "x", "1 to 10 events, here are 0"),
    "a list in the list": (f"- wait: 2h\n  cancel_on: [ [ {ORDER} ] ]\n" + CALL % "x", "`cancel_on` is a map"),
    "an unknown trigger in the list": (
        f"- wait: 2h\n  cancel_on: [ {ORDER}, {ORDER.replace('ordered', 'order')} ]\n" + CALL % "x",
        "no trigger is named 'shop.order'",
    ),
    "a day without its zone": ("- wait: 1 day\n" + CALL % "x", "for: 1 day, zone: Europe/Lisbon }, or 24h"),
    "no days": ("- wait: { for: 0 days, zone: UTC }\n" + CALL % "x", "longer than nothing"),
    "too many days": ("- wait: { for: 9999 days, zone: UTC }\n" + CALL % "x", "at most ten years"),
    "a zone that comes from outside": (
        "- wait: { for: 1 day, zone: '${ trigger.from }' }\n" + CALL % "x",
        "`zone` of `wait` is a time zone, this is a text",
    ),
    "working hours in a zone from outside": (
        "- wait: { working_hours: { zone: '${ trigger.from }' } }\n" + CALL % "x",
        "`working_hours.zone` is a time zone",
    ),
    "a zone that is put together": (
        "- wait: { for: 1 day, zone: 'Europe/${ trigger.from }' }\n" + CALL % "x",
        "one expression",
    ),
    "less than the deadline leaves": (
        "- wait: { for: 3 days, zone: UTC }\n" + (CALL % "x") + "  deadline: 1h",
        "deadline",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_can_never_be_right_is_a_mistake(name: str) -> None:
    steps, expected = WRONG[name]
    assert expected in texts_of(flow_text(steps))


ASKED = "- if: ${ has(visit.page) }\n  then: [ { set: { a: '${ visit.page }' } } ]\n"
DEFAULT = "- set: { a: '${ visit.?page.orValue(\"none\") }' }\n"
ZONE = """"${ trigger.paid ? 'America/Sao_Paulo' : 'Europe/Lisbon' }\""""


@pytest.mark.parametrize(
    "steps",
    [
        read("continue", ASKED + CALL % "x"),
        read("continue", DEFAULT + CALL % "x"),
        f"- wait: {{ for: 1 day, zone: {ZONE} }}\n" + CALL % "x",
        "- wait: { for: 2 weeks, zone: Europe/Lisbon, working_hours: { hours: '09:00-18:00' } }\n" + CALL % "x",
    ],
)
def test_a_right_wait(steps: str) -> None:
    """An event that may not have come is optional, a zone may be one of several."""
    assert faults_of(flow_text(steps)) == [], texts_of(flow_text(steps))


@pytest.mark.parametrize(
    ("now", "days", "zone", "expected"),
    [
        # The clock goes on by an hour on 29 March 2026, and back on 25 October: 10:00 is 10:00.
        ("2026-03-28T10:00:00+00:00", "1 day", "Europe/Lisbon", "2026-03-29T09:00:00+00:00"),
        ("2026-10-24T09:00:00+00:00", "1 day", "Europe/Lisbon", "2026-10-25T10:00:00+00:00"),
        ("2026-10-24T09:00:00+00:00", "2 weeks", "Europe/Lisbon", "2026-11-07T10:00:00+00:00"),
        # 01:30 is skipped, and is half an hour later; what comes twice is the first of two.
        ("2026-03-28T01:30:00+00:00", "1 day", "Europe/Lisbon", "2026-03-29T01:30:00+00:00"),
        ("2026-10-24T00:30:00+00:00", "1 day", "Europe/Lisbon", "2026-10-25T00:30:00+00:00"),
        ("2026-12-29T22:00:00+00:00", "3 days", "Pacific/Auckland", "2027-01-01T22:00:00+00:00"),
    ],
)
def test_a_day_ends_when_the_clock_shows_the_same_time(now: str, days: str, zone: str, expected: str) -> None:
    flow = compiled(f"- wait: {{ for: {days}, zone: {zone} }}\n" + CALL % "x")

    sleep = slept(advance(flow, begin(flow, event()), now=datetime.fromisoformat(now)))
    assert sleep.until == datetime.fromisoformat(expected)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis takes no others
    st.integers(1, 60),
    st.sampled_from(["Europe/Lisbon", "America/Sao_Paulo", "Australia/Lord_Howe"]),
)
def test_days_keep_the_time_of_the_clock(moment: datetime, days: int, zone: str) -> None:
    """But for one that is skipped; and they are at most two hours from so many times 24."""
    there = zone_of(zone)
    wait = Wait(lambda _: f"{days} days", None, lambda _: there, None)
    ends = wait.ends(None, moment)  # type: ignore[arg-type]
    assert abs(ends - moment - timedelta(days=days)) <= timedelta(hours=2)
    before, after = moment.astimezone(there), ends.astimezone(there)
    skipped = (after.time() != before.time()) and after.astimezone(UTC) - timedelta(hours=2)
    if skipped:
        assert (after.replace(tzinfo=None) - before.replace(tzinfo=None)) != timedelta(days=days)
    else:
        assert after.date() - before.date() == timedelta(days=days)


def test_the_zone_of_the_contact_counts_in_each_run() -> None:
    """Days and working hours, by the zone that a step found."""
    flow = compiled(
        f"- wait: {{ for: 5h, working_hours: {{ zone: {ZONE}, hours: '09:00-18:00', days: mon-sun }} }}\n" + CALL % "x"
    )
    # 14:30 UTC and five hours: 20:30 in Lisbon, 16:30 in São Paulo.
    assert slept(first(flow, paid=True)).until == NOW + timedelta(hours=5)
    assert slept(first(flow, paid=False)).until == datetime(2026, 6, 1, 8, tzinfo=UTC)


def test_days_of_what_a_run_holds_need_a_zone_too() -> None:
    """A text such as `1 day` that comes with an event: that run's dead letter says what to write."""
    flow = compiled("- wait: ${ trigger.raw.delay }\n" + CALL % "x")
    end = first(flow, raw={"delay": "1 day"})
    assert isinstance(end, End)
    assert end.code is ErrorCode.EXPRESSION_FAILED
    assert "write `zone`" in (end.reason or "")


@pytest.mark.parametrize(
    ("text", "days"), [("1 day", 1), ("3 days", 3), (" 2 weeks ", 14), ("1d", None), ("1 days 2h", None)]
)
def test_what_days_are(text: str, days: int | None) -> None:
    assert calendar_days(text) == days


def test_no_days_are_no_duration() -> None:
    with pytest.raises(DurationError):
        calendar_days("0 days")


def test_an_event_whose_key_is_empty_is_passed_over() -> None:
    """Where one of two has a key, its event ends the wait, although the wake does not say which came."""
    nobody = "{ trigger: shop.visited, key: \"${ trigger.?phone.orValue('') }\", then: stop }"
    flow = compiled(f"- wait: 2h\n  cancel_on: [ {nobody}, {ORDER[:-2]}, then: continue }} ]\n" + CALL % "on")
    sleep = slept(first(flow, phone=""))
    assert len(sleep.cancels) == 1
    assert isinstance(advance(flow, sleep.run, wake=wake(sleep, EndedBy.EVENT)), Act)
