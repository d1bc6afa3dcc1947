"""Ingest and PostgreSQL: schedules fire once, polls go on where they ended, limits are shared, ends are found."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode, WhoMustAct
from contracts.runs import HistoryRecord, Outcome
from contracts.topics import EVENTS_DLQ, HISTORY
from contracts.triggers.registry import TRIGGERS
from deploy.local.ports import free_port
from services.flows.declared_triggers import Places, declared, scheduled
from services.flows.schema_from_example import schema_of
from services.ingest import event_ends, polls, schedules, source_limits
from services.ingest.accepting import EventAcceptor
from services.ingest.acknowledged_ids import AcknowledgedIds
from services.ingest.auth.scheme import AuthRequest, Proven
from services.ingest.database import Database
from services.ingest.http_problems import Refused
from services.ingest.polls import PollError
from services.ingest.readers.single_payload import SinglePayload
from services.ingest.replayed_requests import ReplayedRequests
from services.ingest.settings import IngestSettings
from services.ingest.source_limits import SourceLimit
from services.ingest.sources.file_form import CursorForm
from services.ingest.sources.hook import Hook
from services.ingest.sources.schedules_and_polls import Poll, Schedule
from services.runtime.apart import apart
from services.runtime.database import connect, migrate
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client
from tests.support.ingest import Recorder


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """PostgreSQL with our tables."""
    await migrate(database_url)
    made = await connect(database_url)
    yield made
    await made.close()


def replica() -> tuple[EventAcceptor, Recorder]:
    """One replica's way to Kafka, and what Kafka got by it."""
    recorder = Recorder(IngestSettings())
    return EventAcceptor(recorder, AcknowledgedIds(1000, 60)), recorder


def every_minute(missed: Any = "catch_up") -> Schedule:
    """A schedule that nobody else has."""
    name = f"s{uuid.uuid4().hex[:8]}"
    return Schedule(name, scheduled(f"schedule.{name}", {}), "default", "* * * * *", None, "Europe/Lisbon", missed)


START = datetime(2026, 3, 2, 9, 0, 30, tzinfo=UTC)


async def test_a_schedule_fires_once_over_all_replicas(pool: asyncpg.Pool) -> None:
    """Eight of them look at the same moment, over and over: each time that is due is one event."""
    schedule = every_minute()
    replicas = [replica() for _ in range(8)]
    for minute in range(5):
        now = START + timedelta(minutes=minute)
        for _ in range(2):
            await asyncio.gather(*(schedules.fire(schedule, pool, taker, now) for taker, _ in replicas))
    fired = [event for _, recorder in replicas for _, event in recorder.records]
    assert sorted(event["data"]["due"] for event in fired) == [
        f"2026-03-02T09:0{minute}:00Z" for minute in (1, 2, 3, 4)
    ]
    assert {event["type"] for event in fired} == {f"schedule.{schedule.name}"}
    assert fired[0]["data"]["date"] == "2026-03-02"


async def test_a_schedule_that_kafka_did_not_acknowledge_fires_again_with_the_same_id(pool: asyncpg.Pool) -> None:
    """Nothing is noted before: whoever dies between the two leaves a duplicate and never a gap."""
    schedule = every_minute()
    taker, recorder = replica()
    await schedules.fire(schedule, pool, taker, START)
    recorder.refuse = recorder._unavailable()
    later = START + timedelta(minutes=1)
    with pytest.raises(Refused):
        await schedules.fire(schedule, pool, taker, later)
    recorder.refuse = None
    first = schedules.event_of(schedule, datetime(2026, 3, 2, 9, 1, tzinfo=UTC), later).identity
    assert await schedules.fire(schedule, pool, taker, later) == 1
    assert [event["id"] for _, event in recorder.records] == [first]


async def test_missed_times_are_caught_up_or_skipped(pool: asyncpg.Pool) -> None:
    """As the source declares."""
    for missed, count in (("catch_up", 10), ("skip", 1)):
        schedule = every_minute(missed)
        taker, _ = replica()
        await schedules.fire(schedule, pool, taker, START)
        assert await schedules.fire(schedule, pool, taker, START + timedelta(minutes=10)) == count


class System:
    """A system without webhooks: a list with a cursor."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.asked: list[dict[str, str]] = []
        self.status = 200

    async def answer(self, request: web.Request) -> web.Response:
        """Two items after the cursor."""
        self.asked.append({**request.query, "authorization": request.headers.get("Authorization", "")})
        since = int(request.query.get("since", "0"))
        page = [item for item in self.items if item["id"] > since][: None if "all" in request.query else 2]
        body = {"data": {"rows": page}, "next": page[-1]["id"] if page else since}
        return web.json_response(body, status=self.status)


@contextlib.asynccontextmanager
async def served(system: System) -> AsyncIterator[str]:
    """The system, listening."""
    app = web.Application()
    app.add_routes([web.get("/rows", system.answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/rows?kind=order"
    finally:
        await runner.cleanup()


def poll_of(url: str, name: str) -> Poll:
    """A poll with a cursor."""
    model = declared(f"poll.{name}", schema_of({"id": 1, "name": "x"}), Places(("/id",), (), ("/name",)), {})
    cursor = CursorForm(parameter="since", next="/next", first="0")
    return Poll(name, model, "default", url, 10.0, "/data/rows", cursor, {"Authorization": "Bearer t"})


async def test_a_poll_goes_on_where_it_ended(pool: asyncpg.Pool) -> None:
    """Page by page, with its secret, not before it is time, one replica at a time."""
    system = System()
    system.items = [{"id": number, "name": f"n{number}"} for number in range(1, 6)]
    client = Client(Egress([allowed("127.0.0.0/8")]))
    replicas = [replica() for _ in range(3)]
    async with served(system) as url:
        poll = poll_of(url, f"p{uuid.uuid4().hex[:8]}")

        async def all_ask(now: datetime) -> int:
            return sum(await asyncio.gather(*(polls.ask(poll, pool, taker, client, now) for taker, _ in replicas)))

        assert await all_ask(START) == 5
        assert await all_ask(START + timedelta(seconds=5)) == 0
        asked = len(system.asked)
        system.items.append({"id": 7, "name": "n7"})
        assert await all_ask(START + timedelta(seconds=11)) == 1
        answered = REGISTRY.get_sample_value("flows_polls_total", {"source": poll.name, "outcome": "answered"})
        assert answered == 2
        assert system.asked[0] == {"kind": "order", "since": "0", "authorization": "Bearer t"}
        assert system.asked[asked]["since"] == "5"
        events = [event for _, recorder in replicas for _, event in recorder.records]
        assert sorted(event["data"]["id"] for event in events) == [1, 2, 3, 4, 5, 7]
        system.status = 500
        with pytest.raises(PollError, match="500"):
            await polls.ask(poll, pool, replicas[0][0], client, START + timedelta(seconds=30))
    await client.close()


async def test_a_system_that_does_not_answer_is_asked_again_and_counted(pool: asyncpg.Pool) -> None:
    """So that an alert can tell; it begins at 0, and what comes after is taken."""
    system = System()
    system.items, system.status = [{"id": 1, "name": "n"}], 500
    client = Client(Egress([allowed("127.0.0.0/8")]))
    taker, recorder = replica()
    data = Database("")
    data._pool = pool

    def counted(outcome: str) -> float | None:
        return REGISTRY.get_sample_value("flows_polls_total", {"source": poll.name, "outcome": outcome})

    async def until(true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - counters have no event
                await asyncio.sleep(0.02)

    async with served(system) as url:
        poll = dataclasses.replace(poll_of(url, f"p{uuid.uuid4().hex[:8]}"), every_seconds=0.05)
        keeping = asyncio.create_task(polls.keep([poll], data, taker, client))
        await until(lambda: (counted("failed") or 0) >= 2)
        assert counted("answered") == 0
        system.status = 200
        await until(lambda: bool(recorder.records))
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    await client.close()
    assert recorder.records[0][1]["data"]["id"] == 1


async def test_an_item_that_is_no_event_is_one_dead_letter(pool: asyncpg.Pool) -> None:
    """With its source, its place, why, and who must act; once, however often it comes; and it stops no other item."""
    system = System()
    wrong, large = {"id": 1, "name": 5}, {"id": 4, "name": "x" * 900_000}
    system.items = [wrong, wrong | {"id": 2}, {"id": 3, "name": "n3"}, large, {"id": 5, "name": "n5"}]
    client = Client(Egress([allowed("127.0.0.0/8")]))
    taker, recorder = replica()
    async with served(system) as url:
        poll = poll_of(url, f"p{uuid.uuid4().hex[:8]}")
        assert await polls.ask(poll, pool, taker, client, START) == 2
        again = dataclasses.replace(poll, cursor=None, url=url + "&all=1")
        system.items = [system.items[2], dict(reversed(wrong.items())), large]
        await polls.ask(again, pool, taker, client, START + timedelta(minutes=1))
    await client.close()
    assert {event["data"]["id"] for _, event in recorder.records} == {3, 5}
    letters = [(event, DeadLetter.from_headers(headers)) for to, event, headers in recorder.others if to is EVENTS_DLQ]
    assert [event["data"]["id"] for event, _ in letters] == [1, 2, 4]
    event, letter = letters[0]
    assert (event["type"], event["data"], event["id"]) == (poll.trigger.trigger, wrong, letter.event_id)
    assert (letter.topic, letter.offset, letter.code, letter.who_must_act, letter.service) == (
        *(f"/polls/{poll.name}", 0, ErrorCode.SHAPE_INVALID, WhoMustAct.SENDER, "ingest"),
    )
    assert letter.cause.startswith("the item '/data/rows/0' of the answer is no event: /name ")
    assert letters[2][1].code is ErrorCode.MESSAGE_TOO_LARGE
    ends = [HistoryRecord.model_validate(value) for to, value, _ in recorder.others if to is HISTORY]
    assert [(end.outcome, end.event_id) for end in ends] == [(Outcome.DEAD, event["id"]) for event, _ in letters]


async def test_an_item_without_an_id_that_comes_to_be_again_is_new(pool: asyncpg.Pool) -> None:
    """A contact's state there and back is every change; while it stays, and when Kafka was away, it is the same."""
    system = System()
    client = Client(Egress([allowed("127.0.0.0/8")]))
    taker, recorder = replica()
    shape = declared("poll.states", schema_of({"id": 1, "name": "x"}), Places((), (), ("/id",)), {})
    async with served(system) as url:
        name = f"p{uuid.uuid4().hex[:8]}"
        poll = dataclasses.replace(poll_of(url + "&all=1", name), trigger=shape, cursor=None)
        minutes = iter(range(100))

        async def ask() -> list[str]:
            recorder.records.clear()
            await polls.ask(poll, pool, taker, client, START + timedelta(minutes=next(minutes)))
            return [event["id"] for _, event in recorder.records]

        ids = []
        for state in ("Ana", "Bea", "Ana", "Bea"):
            system.items = [{"id": 8841, "name": state}, {"id": 8842, "name": "Rui"}]
            recorder.refuse = recorder._unavailable()
            with pytest.raises(Refused):
                await ask()
            recorder.refuse = None
            ids += [one := await ask()]
            assert await ask() == one
    await client.close()
    assert len({first for first, _ in ids}) == 4
    assert len({second for _, second in ids}) == 1


async def test_an_item_that_raises_or_that_kafka_never_takes_stops_no_other(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is one dead letter, with its code, and the cursor moves on."""
    system = System()
    system.items = [{"id": number, "name": f"n{number}"} for number in range(1, 7)]
    real = polls._event

    def event(poll: Poll, item: Any, *more: Any) -> Any:
        if item["id"] == 2:
            raise RuntimeError("nobody foresaw it")
        return real(poll, item, *more)

    monkeypatch.setattr(polls, "_event", event)
    taker, recorder = replica()
    publish = taker.publisher.publish

    async def refusing(key: bytes, value: bytes, accepted: Any) -> None:
        if b'"n5"' in value:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, ErrorCode.MESSAGE_TOO_LARGE, "too large")
        await publish(key, value, accepted)

    monkeypatch.setattr(taker.publisher, "publish", refusing)
    client = Client(Egress([allowed("127.0.0.0/8")]))
    async with served(system) as url:
        with capture_logs():
            await polls.ask(poll_of(url, f"p{uuid.uuid4().hex[:8]}"), pool, taker, client, START)
    await client.close()
    assert {event["data"]["id"] for _, event in recorder.records} == {1, 3, 4, 6}
    letters = [(event, DeadLetter.from_headers(headers)) for to, event, headers in recorder.others if to is EVENTS_DLQ]
    assert [(event["data"]["id"], letter.code) for event, letter in letters] == [
        (2, ErrorCode.BUG),
        (5, ErrorCode.MESSAGE_TOO_LARGE),
    ]


async def test_an_end_that_cannot_be_kept_is_passed_over_and_told(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its batch are kept."""
    real = event_ends.write
    mark = uuid.uuid4().hex

    async def write(to: asyncpg.Pool, rows: Sequence[Any]) -> None:
        if any(row[0] == f"{mark}-3" for row in rows):
            raise asyncpg.DataError("no column holds it")
        await real(to, rows)

    monkeypatch.setattr(event_ends, "write", write)
    records: list[Any] = [
        SimpleNamespace(
            topic="history", partition=0, offset=number, value=end(f"{mark}-{number}", mark, Outcome.DEAD).to_bytes()
        )
        for number in range(8)
    ]
    with capture_logs() as logs:
        await apart(records, partial(event_ends._written, pool), event_ends._passed_over)
    assert {one["run_id"] for one in await event_ends.find(pool, mark)} == {f"{mark}-{n}" for n in range(8) if n != 3}
    assert [(one["event"], one["offset"]) for one in logs] == [("record.broke", 3)]


async def test_a_poll_does_not_move_on_when_kafka_does_not_acknowledge(pool: asyncpg.Pool) -> None:
    """The same items come again, with the same ids."""
    system = System()
    system.items = [{"id": 1, "name": "n"}]
    client = Client(Egress([allowed("127.0.0.0/8")]))
    taker, recorder = replica()
    async with served(system) as url:
        poll = poll_of(url, f"p{uuid.uuid4().hex[:8]}")
        recorder.refuse = recorder._unavailable()
        with pytest.raises(Refused):
            await polls.ask(poll, pool, taker, client, START)
        recorder.refuse = None
        assert await polls.ask(poll, pool, taker, client, START) == 1
        system.items.append({"id": 2, "name": 5})
        recorder.refuse = recorder._unavailable()
        later = START + timedelta(minutes=1)
        with pytest.raises(Refused):
            await polls.ask(poll, pool, taker, client, later)
        recorder.refuse = None
        await polls.ask(poll, pool, taker, client, later)
        assert [to.name for to, _, _ in recorder.others] == ["events.dlq", "history"]
    await client.close()


async def taken(limits: Sequence[SourceLimit], count: int) -> int:
    """How many of so many requests pass, spread over replicas."""

    async def one(limit: SourceLimit) -> bool:
        try:
            await limit.take()
        except Refused as refused:
            return refused.code is not ErrorCode.RATE_LIMITED
        return True

    return sum(await asyncio.gather(*(one(limits[number % len(limits)]) for number in range(count))))


async def test_a_limit_is_shared_by_all_replicas(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second's requests at once, whoever gets them, then so many a second, by PostgreSQL's clock."""
    monkeypatch.setattr(source_limits, "LEASE_SECONDS", 20)  # a machine with much to do: no replica is to count alone
    name = f"l{uuid.uuid4().hex[:8]}"
    limits = [SourceLimit(name, 100, lambda: pool) for _ in range(4)]
    began = time.monotonic()
    assert 100 <= await taken(limits, 1000) <= 100 + 100 * (time.monotonic() - began) + 5  # a block is leased whole
    wide = "update limits set next_at = next_at - interval '1 second' where connection = $1"
    await pool.execute(wide, f"source:{name}")
    again = [SourceLimit(name, 100, lambda: pool) for _ in range(4)]
    assert await taken(again, 80) == 80


async def test_a_limit_holds_in_each_replica_while_postgresql_is_away() -> None:
    """Never without any limit, and never closed."""
    assert await taken([SourceLimit("x", 50, lambda: None, lambda: 1.0)], 200) == 50


def end(run: str, event: str, outcome: Outcome) -> HistoryRecord:
    """A record of history."""
    return HistoryRecord(
        run_id=run, event_id=event, source="/s", account="a", subject="x\0y", outcome=outcome, at=START, flow="f\0"
    )


def signed(number: int) -> AuthRequest:
    """A request of a publisher."""
    return AuthRequest("POST", "/v1/hooks/h", b"", {b"x-signature": b"%d" % number}, b"{}")


async def test_a_replay_is_refused_by_every_replica(pool: asyncpg.Pool) -> None:
    """Once it was taken, for as long as the source declares; and what only failed is none."""
    name = f"h{uuid.uuid4().hex[:8]}"
    hook = Hook(name, SinglePayload(TRIGGERS["closum.lead.created"]), refuse_replays=True)
    first, second = (ReplayedRequests(lambda: pool, 60) for _ in range(2))
    mark = await first.check(hook, signed(1), Proven())
    assert await second.check(hook, signed(1), Proven()) == mark
    await first.add(hook, mark)
    for replica in (first, second):
        with pytest.raises(Refused) as refused:
            await replica.check(hook, signed(1), Proven())
        assert refused.value.code is ErrorCode.REPLAYED
    await second.check(hook, signed(2), Proven())
    shortly = dataclasses.replace(hook, name=f"{name}s", duplicate_seconds=0)
    await first.add(shortly, await first.check(shortly, signed(1), Proven()))
    await second.check(shortly, signed(1), Proven())


async def test_a_replay_is_refused_by_who_took_it_while_postgresql_is_away() -> None:
    """Soon, and by nobody else: there it is a duplicate that starts nothing."""
    lost = asyncpg.create_pool("postgresql://127.0.0.1:1/none")
    hook = Hook("h", SinglePayload(TRIGGERS["closum.lead.created"]), refuse_replays=True)
    begun = time.monotonic()
    for pool_of in (lambda: None, lambda: lost):
        first, second = (ReplayedRequests(pool_of, 60) for _ in range(2))
        await first.add(hook, await first.check(hook, signed(1), Proven()))
        with pytest.raises(Refused):
            await first.check(hook, signed(1), Proven())
        await second.check(hook, signed(1), Proven())
    assert time.monotonic() - begun < 5


async def test_ends_are_found_by_event(pool: asyncpg.Pool) -> None:
    """Each run of it; a record that comes twice is one; what is no record is passed over."""
    event = uuid.uuid4().hex
    records = [end(f"1{event}", event, Outcome.DELIVERED), end(f"2{event}", event, Outcome.FILTERED)]
    values = [record.to_bytes() for record in records]
    for _ in range(2):
        await event_ends.write(pool, event_ends.rows_of([*values, *values, b"nonsense", None]))
    found = await event_ends.find(pool, event)
    assert [row["outcome"] for row in found] == ["delivered", "filtered"]
    assert json.dumps(found[0]["flow"]) == '"f\\\\0"'
    assert await event_ends.find(pool, "none") == []
