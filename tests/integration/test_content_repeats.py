"""Events without an id of their own, on PostgreSQL: the same answers for every grouping, crash and replay."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from contracts.events import Event
from contracts.topics import ACTIONS
from services.runtime import database
from services.runtime.kafka import ConsumedRecord
from services.tools import content_repeats
from services.tools.claims import EventClaim, SubjectOrder
from tests.support import batches
from tests.support.breaking import BreakingPool

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
KEEP = timedelta(minutes=10)


@pytest.fixture(scope="module")
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on a migrated database."""
    await database.migrate(database_url)
    pool = await database.connect(database_url)
    yield pool
    await pool.close()


@pytest.fixture
def account(topic_prefix: str) -> str:
    """An account that no other test has."""
    return f"account-{topic_prefix}"


def log_of(account: str, chance: random.Random, count: int) -> list[EventClaim]:
    """What two partitions hold: few subjects and few contents, of one event or two; some events have own ids."""
    log, minute = [], 0.0
    for offset in range(count):
        subject = chance.randrange(4)
        content = chance.choice(["A", "B", "C", None])
        key = f"own-{chance.randrange(6)}" if content is None else f"{content}{chance.randrange(2)}"
        minute += chance.choice([0, 0, 1, 4])
        among = SubjectOrder(f"s{subject}", f"events/{subject % 2}", offset, BEGIN + timedelta(minutes=minute), content)
        wish = EventClaim(account, f"s{subject}-{key}", f"events/{subject % 2}/{offset}", f"note {offset}", KEEP, among)
        log.append(
            wish if content is not None else EventClaim(account, wish.key, wish.claimed_by, wish.note, None, among)
        )
    return log


def model(log: Sequence[EventClaim]) -> list[str | None]:
    """The rule as it is told, by looking back over everything that came."""
    answers: list[str | None] = []
    for number, wish in enumerate(log):
        before = [
            (one, one.among)
            for one, answer in zip(log[:number], answers, strict=True)
            if answer is not None and one.among and wish.among and one.among.subject == wish.among.subject
        ]
        assert wish.among
        if wish.among.content is None:
            answers.append(None if any(one.key == wish.key for one, _ in before) else wish.note)
            continue
        stay: list[tuple[EventClaim, SubjectOrder]] = []  # the latest events of one content, within its minutes
        for one, place in before:
            same = stay and stay[0][1].content == place.content and place.at - stay[0][1].at <= KEEP
            stay = [*stay, (one, place)] if same else [(one, place)]
        fresh = bool(stay) and stay[0][1].content == wish.among.content and wish.among.at - stay[0][1].at <= KEEP
        answers.append(None if fresh and any(one.key == wish.key for one, _ in stay) else wish.note)
    return answers


@pytest.mark.parametrize("seed", range(6))
async def test_it_does_what_the_model_does(seed: int, pool: asyncpg.Pool, account: str) -> None:
    """Random deliveries in batches, cut anywhere, by workers that die anywhere, and replayed from anywhere."""
    chance = random.Random(seed)  # noqa: S311 - a test's order
    log = log_of(account, chance, 200)
    expected = model(log)
    assert None in expected
    position = 0
    while position < len(log):
        batch = log[position : position + chance.randrange(1, 50)]
        if chance.random() < 0.3:
            with suppress(ConnectionResetError):
                await content_repeats.noted(BreakingPool.of(pool, chance.randrange(6)), "event", batch, DAY)
            batch = batch[: chance.randrange(1, len(batch) + 1)]
        changed = [EventClaim(w.account, w.key, w.claimed_by, w.note, w.keep, w.among) for w in batch]
        assert await content_repeats.noted(pool, "event", changed, DAY) == expected[position : position + len(batch)]
        position = max(0, position - 60) if chance.random() < 0.3 else position + len(batch)


async def test_a_replay_begins_what_it_began_before(pool: asyncpg.Pool, account: str) -> None:
    """The note is the first one's, also when two workers take the same records at one time."""
    log = log_of(account, random.Random(1), 60)  # noqa: S311 - a test's order
    expected = await content_repeats.noted(pool, "event", log, DAY)
    later = [EventClaim(w.account, w.key, w.claimed_by, "another deployment", w.keep, w.among) for w in log]
    answers = await asyncio.gather(
        *(content_repeats.noted(pool, "event", part, DAY) for part in (later, later, later[20:]))
    )
    assert list(answers) == [expected, expected, expected[20:]]


def states(names: str, account: str, first: int = 0) -> list[ConsumedRecord]:
    """Contact Updated without an id, a second apart, as ingest puts them on the topic: one letter a state."""
    events = [
        Event(
            id=f"id of {name}",
            contentid=f"id of {name}",
            duplicateseconds=600,
            source="/hooks/contacts",
            type=batches.TRIGGER,
            subject="8841",
            account=account,
            accepted=BEGIN + timedelta(seconds=first + number),
            data={"from": name, "text": name},
        )
        for number, name in enumerate(names)
    ]
    return [batches.record(one.to_bytes(), first + offset, key=one.key) for offset, one in enumerate(events)]


async def test_there_and_back_are_runs_with_effects_of_their_own(
    pool: asyncpg.Pool, account: str, tmp_path: Path
) -> None:
    """In one batch and over several, redelivered and replayed: each change is called once, and the last is the last."""
    flows = batches.compiled(tmp_path, batches.ONE_CALL)

    async def taken(*parts: Sequence[ConsumedRecord]) -> tuple[list[str], list[str], int]:
        processor, published = batches.processor(flows)
        processor._claim = lambda wishes: content_repeats.noted(pool, "event", wishes, DAY)
        for part in parts:
            await processor.events(part)
        requests = published.to(ACTIONS)
        phones = [request["inputs"]["json"]["phone"] for request in requests]
        return phones, [request["effect_id"] for request in requests], published.ends().count(("duplicate", None))

    log = states("AABBABB", account)
    phones, effects, duplicates = await taken(log[:2], log[2:6], log[6:])
    assert (phones, duplicates) == (["A", "B", "A", "B"], 3)
    assert len(set(effects)) == 4, "what the journal knows as done must not be taken for the change that came later"
    assert await taken(log) == (phones, effects, 3)
    assert (await taken(log[4:]))[:2] == (phones[2:], effects[2:])


async def test_what_was_before_is_found_by_its_index_at_any_size(own_database: str) -> None:
    """Also by a statement that was planned while the table was empty, and known to be."""
    await database.migrate(own_database)
    pool = await database.connect(own_database, size=1)
    await pool.execute("vacuum analyze contents")
    for seed in range(8):  # a prepared statement has its one plan after five
        await content_repeats.noted(pool, "event", log_of(f"a{seed}", random.Random(seed), 20), DAY)  # noqa: S311 - a test's order
    await pool.execute(
        "insert into contents select 'other', n::text, 'events/0', n, 'c', 'k', now(), '', now() + interval '1 day'"
        " from generate_series(1, 50000) as n"
    )
    read = "select seq_tup_read from pg_stat_user_tables where relname = 'contents'"
    await pool.execute("select pg_stat_force_next_flush()")
    before = await pool.fetchval(read)
    await content_repeats.noted(pool, "event", log_of("last", random.Random(9), 50), DAY)  # noqa: S311 - a test's order
    await pool.execute("select pg_stat_force_next_flush()")
    assert await pool.fetchval(read) - before < 1000
    await pool.close()
