"""Claims on PostgreSQL: the first is the first, for every grouping, replay and race."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from services.runtime import database
from services.runtime.tables.claims import EXPIRING
from services.runtime.tables.expiry import forget_expired
from services.tools.claims import EventClaim, Repeat, claim, noted
from tests.support.batches import MemoryClaims

DAY = timedelta(days=1)


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


async def test_the_first_wins_and_its_replay_passes(pool: asyncpg.Pool, account: str) -> None:
    first, second = EventClaim(account, "k", "events/0/1"), EventClaim(account, "k", "events/0/2")
    assert await claim(pool, "event", [first], DAY) == [True]
    assert await claim(pool, "event", [second], DAY) == [False]
    assert await claim(pool, "event", [first], DAY) == [True]


async def test_within_a_batch_the_earlier_wins_unless_the_later_holds_it_already(
    pool: asyncpg.Pool, account: str
) -> None:
    """On a replay, a batch may be cut elsewhere: who was told yes must be told yes again."""
    wishes = [EventClaim(account, "k", "events/0/1"), EventClaim(account, "k", "events/1/1")]
    assert await claim(pool, "event", wishes, DAY) == [True, False]
    held = [EventClaim(account, "other", "events/0/1"), EventClaim(account, "other", "events/1/1")]
    assert await claim(pool, "event", [held[1]], DAY) == [True]
    assert await claim(pool, "event", held, DAY) == [False, True]


async def test_accounts_and_scopes_do_not_touch_each_other(pool: asyncpg.Pool, account: str) -> None:
    assert await claim(pool, "event", [EventClaim(account, "k", "a")], DAY) == [True]
    assert await claim(pool, "event", [EventClaim(account + "2", "k", "b")], DAY) == [True]
    assert await claim(pool, "other", [EventClaim(account, "k", "c")], DAY) == [True]


async def test_an_expired_claim_is_taken_over(pool: asyncpg.Pool, account: str) -> None:
    first, second = EventClaim(account, "k", "1"), EventClaim(account, "k", "2")
    assert await claim(pool, "event", [first], timedelta(0)) == [True]
    assert await claim(pool, "event", [second], DAY) == [True]
    assert await claim(pool, "event", [first], DAY) == [False]


async def test_a_claim_may_say_itself_how_long_it_holds(pool: asyncpg.Pool, account: str) -> None:
    """Sources declare their own time; in one batch each claim has its own."""
    wishes = [EventClaim(account, "short", "1", keep=timedelta(0)), EventClaim(account, "usual", "1")]
    assert await claim(pool, "event", wishes, DAY) == [True, True]
    others = [EventClaim(account, "short", "2"), EventClaim(account, "usual", "2")]
    assert await claim(pool, "event", others, DAY) == [True, False]


async def test_other_content_under_a_key_is_told(pool: asyncpg.Pool, account: str) -> None:
    """Where both are known; whoever takes over what is over says what it is from then on."""
    one, other = (EventClaim(account, "k", str(number), f"n{number}", content=f"c{number}") for number in (1, 2))
    for asked, answer in ((one, "n1"), (other, Repeat.OTHER_CONTENT), (one, "n1")):
        assert await noted(pool, "content", [asked], DAY) == [answer]
    assert await noted(pool, "content", [EventClaim(account, "k", "3")], DAY) == [None]
    assert await noted(pool, "content", [EventClaim(account, "k", "4", content="c1")], DAY) == [None]
    await claim(pool, "content", [EventClaim(account, "over", "1", content="c1")], timedelta(0))
    assert await claim(pool, "content", [EventClaim(account, "over", "2", content="c2")], DAY) == [True]
    assert await noted(pool, "content", [EventClaim(account, "over", "3", content="c1")], DAY) == [Repeat.OTHER_CONTENT]


async def test_any_text_is_a_key(pool: asyncpg.Pool, account: str) -> None:
    r"""NUL, which PostgreSQL cannot keep, and what it is replaced by are two different keys."""
    keys = ["a\0b", "a\\0b", "a\\\\0b", "'; drop table claims; --", "😀", ""]
    wishes = [EventClaim(account, key, str(number)) for number, key in enumerate(keys)]
    assert await claim(pool, "event", wishes, DAY) == [True] * len(keys)
    assert await claim(pool, "event", [EventClaim(account + "\0", "k", "x")], DAY) == [True]
    assert await claim(pool, "event", [EventClaim(account + "\\0", "k", "y")], DAY) == [True]


async def test_nothing_asked_is_nothing_answered(pool: asyncpg.Pool) -> None:
    assert await claim(pool, "event", [], DAY) == []


async def test_of_many_workers_exactly_one_is_the_first(pool: asyncpg.Pool, account: str) -> None:
    """They claim the same keys at the same time, in different orders: no deadlock, one winner a key."""
    keys = [str(number) for number in range(200)]

    async def worker(name: int) -> list[str]:
        shuffled = random.Random(name).sample(keys, len(keys))  # noqa: S311 - a test's order
        won = await claim(pool, "event", [EventClaim(account, key, f"worker-{name}") for key in shuffled], DAY)
        return [key for key, first in zip(shuffled, won, strict=True) if first]

    won = await asyncio.gather(*(worker(name) for name in range(8)))
    assert sorted(key for keys_of_one in won for key in keys_of_one) == sorted(keys)


async def test_it_does_what_the_model_does(pool: asyncpg.Pool, account: str) -> None:
    """Random batches, cut anywhere, replayed from anywhere: the same answers as a dictionary's."""
    chance = random.Random(7)  # noqa: S311 - a test's order
    log = [EventClaim(account, str(chance.randrange(40)), f"events/0/{offset}") for offset in range(300)]
    model = MemoryClaims()
    expected = dict(zip((one.claimed_by for one in log), await model(log), strict=True))
    position = 0
    while position < len(log):
        size = chance.randrange(1, 60)
        batch = log[position : position + size]
        answers = await claim(pool, "event", batch, DAY)
        assert answers == [expected[one.claimed_by] for one in batch]
        position = max(0, position - 30) if chance.random() < 0.3 else position + size


async def test_expired_claims_are_forgotten_a_few_at_a_time(pool: asyncpg.Pool, account: str) -> None:
    while any(await forget_expired(pool, (EXPIRING,))):
        pass
    await claim(pool, "event", [EventClaim(account, str(number), "x") for number in range(25)], timedelta(0))
    await claim(pool, "event", [EventClaim(account, "kept", "x")], DAY)
    assert [await forget_expired(pool, (EXPIRING,), 10) for _ in range(4)] == [[10], [10], [5], [0]]
    assert await claim(pool, "event", [EventClaim(account, "kept", "y")], DAY) == [False]
