"""State on PostgreSQL: exact for any number of workers, whatever a key looks like; and its expiry."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from contracts.topics import ACTIONS
from services.flows.state.cells import Asked, Stateful
from services.flows.state.claims import Claimed, ClaimKey
from services.flows.state.counters import Count
from services.flows.state.digests import Collect
from services.flows.state.permits import Permit
from services.flows.state.rotations import Turn
from services.flows.state.storage import LoadValue, StoreValue
from services.runtime import database
from services.runtime.tables import dead_runs
from services.runtime.tables.dead_runs import DeadRunMark
from services.runtime.tables.expiry import forget_expired
from services.tools.service import EXPIRING
from services.tools.state import state_tables
from tests.support import batches

DAY = 86_400.0
KEEP = timedelta(days=8)
SALES = f"""
flow: sales
description: A lead once, for one of three.
on: {batches.TRIGGER}
steps:
  - id: once
    tool: deduplicate
    with: {{ key: "${{ trigger.contact.name }}" }}
  - id: owner
    tool: round_robin
    with: {{ list: sales, values: [ana, rui, eva], weights: {{ ana: 2 }} }}
  - action: http.request
    connection: crm
    with: {{ method: POST, url: /contacts, json: {{ owner: "${{ owner.value }}" }} }}
"""


@pytest.fixture(scope="module")
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on a migrated database."""
    await database.migrate(database_url)
    pool = await database.connect(database_url, size=6)
    yield pool
    await pool.close()


@pytest.fixture
def account(topic_prefix: str) -> str:
    """An account that no other test has."""
    return f"account-{topic_prefix}"


def asks(account: str, needs: Mapping[str, Stateful[Any]]) -> list[Asked]:
    """One need a run."""
    return [Asked(account, "flow", f"{account} {run}", "0", 0, need) for run, need in needs.items()]


async def test_workers_at_the_same_time_agree_on_the_first_the_turn_and_the_total(
    pool: asyncpg.Pool, account: str
) -> None:
    """Three workers, batches in different orders, 40 keys, one rotation, one counter: no deadlock, no error."""
    answers: list[Any] = []

    async def worker(number: int) -> None:
        settler = state_tables.StateTables(pool, KEEP)
        for batch in range(8):
            needs: dict[str, Stateful[Any]] = {}
            for key in sorted(range(40), reverse=number % 2 == 0):
                needs[f"claim {number} {batch} {key}"] = ClaimKey("", f"{batch} {key}", DAY)
            for turn in range(14):
                needs[f"turn {number} {batch} {turn}"] = Turn("team", ("ana", "rui", "eva"), (4, 2, 1))
                needs[f"count {number} {batch} {turn}"] = Count("", "all", 1, DAY)
            answers.extend(zip(needs.values(), await settler.answer(asks(account, needs)), strict=True))

    await asyncio.gather(*(worker(number) for number in range(3)))
    assert [answer for _, answer in answers if isinstance(answer, Exception)] == []
    firsts = Counter(need.key for need, answer in answers if isinstance(need, ClaimKey) and answer.first)
    assert firsts == {f"{batch} {key}": 1 for batch in range(8) for key in range(40)}
    turns = Counter(answer.value for need, answer in answers if isinstance(need, Turn))
    assert turns == {"ana": 192, "rui": 96, "eva": 48}
    totals = sorted(answer.total for need, answer in answers if isinstance(need, Count))
    assert totals == list(range(1, 337))


async def test_the_same_batch_by_two_workers_at_once_is_settled_once(pool: asyncpg.Pool, account: str) -> None:
    """A worker that lost its partition and does not know it yet does what its successor does, with the same answers."""
    needs: dict[str, Stateful[Any]] = {f"turn {number}": Turn("team", ("ana", "rui"), (1, 1)) for number in range(99)}
    needs |= {f"claim {number}": ClaimKey("", str(number % 7), DAY) for number in range(99)}
    same = await asyncio.gather(*(state_tables.StateTables(pool, KEEP).answer(asks(account, needs)) for _ in range(4)))
    assert all(one == same[0] for one in same)
    turns = "select (state ->> 'turns')::int from state_cells where account = $1 and kind = 'rotation'"
    assert await pool.fetchval(turns, account) == 99


async def test_any_text_is_a_key_and_any_json_a_value(pool: asyncpg.Pool, account: str) -> None:
    keys = ["a\0b", "a\\0b", "é", "e\u0301", "x" * 5000, "'; drop table state_cells; --", "🙂", "a/b"]
    values = [{"a\0": [None, True, 1.5, "\0", "\\u0000", key]} for key in keys]
    settler = state_tables.StateTables(pool, KEEP)
    stored = {f"set {number}": StoreValue("", key, values[number], DAY) for number, key in enumerate(keys)}
    await settler.answer(asks(account, stored))
    loaded = await settler.answer(asks(account, {f"get {key}": LoadValue("", key) for key in keys}))
    assert [one.value for one in loaded if not isinstance(one, Exception)] == values  # type: ignore[attr-defined]  # answers of Load


async def test_what_cannot_be_kept_spoils_its_own_run_only(pool: asyncpg.Pool, account: str) -> None:
    settler = state_tables.StateTables(pool, KEEP)
    needs: dict[str, Stateful[Any]] = {f"{number}": Count("", "all", 1, DAY) for number in range(20)}
    needs["huge"] = StoreValue("", "k", 2**70, DAY)
    needs["surrogate"] = StoreValue("", "k\ud800", 1, DAY)
    found = await settler.answer(asks(account, needs))
    assert [type(one).__name__ for one in found[-2:]] == ["TypeError", "UnicodeEncodeError"]
    assert sorted(one.total for one in found[:-2]) == list(range(1, 21))  # type: ignore[union-attr]  # answers of Count


async def test_what_is_over_is_empty_at_once_and_deleted_later(pool: asyncpg.Pool, account: str) -> None:
    settler = state_tables.StateTables(pool, KEEP)
    needs: dict[str, Stateful[Any]] = {
        "claim": ClaimKey("", "k", DAY),
        "count": Count("", "k", 5, DAY),
        "permit": Permit("", "k", 1, 60.0),
        "collect": Collect("", "k", "item", 10, 60.0),
    }
    await settler.answer(asks(account, needs))
    await dead_runs.mark(pool, [DeadRunMark(f"{account} dead", 0)])
    for one in EXPIRING:
        await pool.execute(f"update {one.table} set expires_at = now() - interval '1 s'")  # noqa: S608 - our own names
    again = await settler.answer(asks(account, {f"{name} again": need for name, need in needs.items()}))
    claim, count, permit, collect = [one.model_dump() for one in again if not isinstance(one, Exception)]
    assert (claim["first"], count["total"], permit["passed"], collect["number"]) == (True, 5, True, 1)
    assert any(await forget_expired(pool, EXPIRING))
    while any(await forget_expired(pool, EXPIRING)):  # other tests have left rows in these tables too
        pass
    left = "select count(*) from state_cells where account = $1"
    assert await pool.fetchval(left, account) == 4


async def test_a_flow_with_state_gives_the_same_requests_when_its_batch_is_done_again(
    pool: asyncpg.Pool, account: str, tmp_path: Path
) -> None:
    """Through the processor: one request a name, owners by weight, the same after a crash before the commit."""
    flows = batches.compiled(tmp_path, SALES)
    names = [f"name {number % 20}" for number in range(30)]
    events = [
        batches.event(number, account=account, data={"message_id": str(number), "from": "1", "contact": {"name": name}})
        for number, name in enumerate(names)
    ]
    requests = []
    for _ in range(2):
        processor, published = batches.processor(flows, answer=state_tables.answers(pool, KEEP))
        await processor.events(batches.records(*events))
        requests.append([(one["effect_id"], one["inputs"]["json"]["owner"]) for one in published.to(ACTIONS)])
        assert published.ends() == [("filtered", None)] * 10
    assert requests[0] == requests[1]
    assert Counter(owner for _, owner in requests[0]) == {"ana": 10, "rui": 5, "eva": 5}


async def test_a_lead_whose_run_died_before_any_call_can_be_sent_again(
    pool: asyncpg.Pool, account: str, tmp_path: Path
) -> None:
    wrong = SALES.replace("values: [ana, rui, eva]", "values: \"${ trigger.text.split(',') }\"").replace(
        "weights: { ana: 2 }", "sticky_for: 999999999d"
    )
    flows = batches.compiled(tmp_path, wrong)

    async def died(dead: Sequence[DeadRunMark]) -> None:
        await dead_runs.mark(pool, dead)

    outcomes = []
    for number in range(2):
        data = {"message_id": str(number), "from": "1", "text": "ana,rui", "contact": {"name": "Inês"}}
        processor, published = batches.processor(flows, answer=state_tables.answers(pool, KEEP), died=died)
        await processor.events(batches.records(batches.event(number, account=account, data=data)))
        outcomes += published.ends()
    assert outcomes == [("dead", "tool_failed")] * 2, "the second is no duplicate of a run that came to nothing"


@pytest.mark.parametrize(
    ("state", "maybe", "free"),
    [("failed", False, True), ("failed", True, False), ("done", False, False), ("unknown", True, False)],
)
async def test_what_the_journal_says_of_any_attempt_decides_whether_a_dead_run_frees_its_claim(
    pool: asyncpg.Pool, account: str, *, state: str, maybe: bool, free: bool
) -> None:
    """The last attempt was refused, but an earlier one may have had its effect."""
    effect = f"{account} effect"
    await pool.execute(
        "insert into effects (account, effect_id, state, guarantee, epoch, place, position, attempts, began_at, maybe,"
        " expires_at) values ($1, $2, $3, 'keyed', 1, 'actions/0', 1, 2, now(), $4, now() + interval '1 day')",
        account,
        effect,
        state,
        maybe,
    )
    settler = state_tables.StateTables(pool, KEEP)
    await settler.answer(asks(account, {"first": ClaimKey("", "k", DAY)}))
    await dead_runs.mark(pool, [DeadRunMark(f"{account} first", 0, None, account, effect)])
    (second,) = await settler.answer(asks(account, {"second": ClaimKey("", "k", DAY)}))
    assert isinstance(second, Claimed)
    assert second.first is free


async def test_items_of_a_loop_are_deduplicated_each_with_its_own_turn(
    pool: asyncpg.Pool, account: str, tmp_path: Path
) -> None:
    """The same item twice in one list is a duplicate; done again, the batch gives the same requests."""
    text = f"""
flow: items
description: Each item once.
on: {batches.TRIGGER}
steps:
  - for_each: ${{ trigger.text.split(',') }}
    as: item
    do:
      - id: once
        tool: deduplicate
        with: {{ key: "${{ item }}", on_duplicate: continue }}
      - id: owner
        tool: round_robin
        with: {{ list: items, values: [ana, rui] }}
      - if: ${{ once.first }}
        then:
          - action: http.request
            connection: crm
            with: {{ method: POST, url: /items, json: {{ item: "${{ item }}", owner: "${{ owner.value }}" }} }}
"""
    flows = batches.compiled(tmp_path, text)
    data = {"message_id": "1", "from": "1", "text": "a,b,a,c", "contact": {"name": "Inês"}}
    made: list[list[tuple[str, str]]] = []
    for _ in range(2):
        processor, published = batches.processor(flows, answer=state_tables.answers(pool, KEEP))
        await processor.events(batches.records(batches.event(1, account=account, data=data)))
        for _ in range(3):
            last = published.to(ACTIONS)[-1]
            await processor.runs([batches.reply(last, outputs={"status": 201})])
        made.append([(one["inputs"]["json"]["item"], one["inputs"]["json"]["owner"]) for one in published.to(ACTIONS)])
        assert published.ends() == [("delivered", None)]
    assert made[0] == made[1] == [("a", "ana"), ("b", "rui"), ("c", "rui")]
