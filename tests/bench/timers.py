"""`python -m tests.bench.timers`: a million waits pending, 20,000 due in one minute, one replica of services/tools.

Prints how late they came (p50, p99, the worst), the memory of the process, and what setting and popping cost.
Everything is real: Kafka, PostgreSQL, the process. `--pending` and `--due` make it smaller.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson

from contracts.ids import stable_id
from contracts.runs import Run
from contracts.topics import ACTIONS
from services.flows.outcomes import Sleep
from services.flows.waiting import cancel_hash, timer_id
from services.runtime import database
from services.tools.timers.timer import Timer, timer_of
from services.tools.timers.timer_table import TimerTable
from tests.support import batches
from tests.support.servers import servers
from tests.support.tools_process import all_of, event_id, read, stack

FLOW = batches.ONE_CALL.replace("steps:", "steps:\n  - wait: 2h")
SPREAD_SECONDS = 60.0
SET_BATCH = 500


def timer(version: str, number: int, due: datetime) -> Timer:
    """The wait of one run, as the processor sets it."""
    event = batches.event(number, source="/hooks/bench", accepted=datetime.now(UTC))
    identity = stable_id("bench", str(number))
    run = Run(id=identity, flow="one-call", version=version, event=event, key=event.subject, at="0")
    cancel = cancel_hash("default", batches.TRIGGER, "", event.subject)
    return timer_of(Sleep(run, timer_id(identity, "0"), due, cancel))


async def fill(pool: asyncpg.Pool, version: str, pending: int, due: list[datetime]) -> None:
    """Set all of them; those that are due soon first. The others as copies, by PostgreSQL itself."""
    store = TimerTable(pool)
    costs: list[float] = []
    for begin in range(0, len(due), SET_BATCH):
        batch = [timer(version, begin + n, moment) for n, moment in enumerate(due[begin : begin + SET_BATCH])]
        started = time.perf_counter()
        await store.set(batch)
        costs.append((time.perf_counter() - started) * 1000)
    print(f"setting {SET_BATCH}: median {statistics.median(costs):.1f} ms, {len(costs)} batches")
    started = time.perf_counter()
    rows = max(0, pending - len(due))
    await pool.execute(
        """insert into timers (id, account, run_id, flow, step, subject, due, began, origin, cancel, key, run)
           select md5('id' || n)::uuid, account, md5('run' || n), flow, step, subject, now() + interval '30 days'
               + n * interval '1 second', began, md5('event' || n)::uuid, md5('key' || n % 100000)::uuid, key, run
           from (select * from timers limit 1) one, generate_series(1, $1) n""",
        rows,
        timeout=600,
    )
    print(f"{rows:,} more in {time.perf_counter() - started:.0f} s")
    await pool.execute("analyze timers", timeout=600)
    size = await pool.fetchval("select pg_size_pretty(pg_total_relation_size('timers'))")
    print(f"the table: {size}")


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory of a process now, and its highest."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


async def popping(pool: asyncpg.Pool) -> None:
    """What a look for due waits costs while a million are pending, and what 500 cost that are due."""
    costs = []
    for _ in range(50):
        started = time.perf_counter()
        await pool.fetch("select id from timers where due <= now() order by due, id limit 500 for update skip locked")
        costs.append((time.perf_counter() - started) * 1000)
    print(f"a look with nothing due: median {statistics.median(costs):.2f} ms")
    costs = []
    for _ in range(10):
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            started = time.perf_counter()
            rows = await connection.fetch(
                "select id, due, key, run from timers order by due, id limit 500 for update skip locked"
            )
            await connection.execute("delete from timers where id = any ($1::uuid[])", [row["id"] for row in rows])
            costs.append((time.perf_counter() - started) * 1000)
            await transaction.rollback()
    print(f"popping {SET_BATCH}: median {statistics.median(costs):.1f} ms")


async def measure(bootstrap: str, url: str, pending: int, count: int, kills: int) -> None:
    """Set, wait, count. With kills, the replica is killed that often in between."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        async with stack(bootstrap, url, f"b{uuid.uuid4().hex[:8]}.", path, FLOW) as replica:
            (flow,) = batches.compiled(path / "flows")
            pool = await database.connect(url)
            begin = datetime.now(UTC) + timedelta(seconds=30 + pending / 12_000)
            due = [begin + timedelta(seconds=SPREAD_SECONDS * number / count) for number in range(count)]
            await fill(pool, flow.version, pending, due)
            await popping(pool)
            replica.start()
            await replica.ready()
            ahead = (begin - datetime.now(UTC)).total_seconds()
            if ahead < 0:
                print(f"filling took too long: the first waits are overdue by {-ahead:.0f} s")
            for number in range(kills):
                share = (number + 1) * count // (kills + 1)
                await read(replica.settings, ACTIONS, all_of(share), seconds=ahead + 2 * SPREAD_SECONDS + 120)
                replica.kill()
                replica.start()
            requests = await read(replica.settings, ACTIONS, all_of(count), seconds=ahead + 2 * SPREAD_SECONDS + 120)
            assert replica.process is not None
            now, most = memory_mb(replica.process.pid)
            await asyncio.sleep(3)
            again = await read(replica.settings, ACTIONS, lambda found: len(found) >= len(requests))
            left = await pool.fetchval("select count(*) from timers where due < now()")
            pool.terminate()
            shown = replica.get("/metrics")[1]
    late = sorted(one.timestamp / 1000 - due[int(event_id(one))].timestamp() for one in _first(requests))
    effects = {event_id(one): set[str]() for one in again}
    for one in again:
        effects[event_id(one)].add(orjson.loads(one.value)["effect_id"])
    print(
        f"{count:,} due in {SPREAD_SECONDS:.0f} s with {pending:,} pending, {kills} SIGKILLs: {len(effects):,} resumed,"
    )
    print(f"  {len(again) - len(effects)} requests repeated, {sum(len(e) > 1 for e in effects.values())} resumed twice")
    print(f"  still due: {left}")
    print(
        f"lateness, due to action request in Kafka: first {late[0] * 1000:.0f} ms, "
        f"p50 {late[len(late) // 2] * 1000:.0f} ms, p99 {late[int(len(late) * 0.99)] * 1000:.0f} ms, "
        f"worst {late[-1] * 1000:.0f} ms"
    )
    print(f"memory of the process: {now:.0f} MB, at most {most:.0f} MB")
    print("\n".join(line for line in shown.splitlines() if line.startswith("flows_waits_ended_total")))


def _first(requests: list) -> list:  # type: ignore[type-arg]  # ConsumerRecord, in both
    """The first request of each event."""
    found: dict[str, object] = {}
    for one in requests:
        found.setdefault(event_id(one), one)
    return list(found.values())


def main() -> None:
    """Start the servers, measure, end them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pending", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=0)
    given = parser.parse_args()
    with servers() as parts:
        asyncio.run(measure(parts.kafka.bootstrap, parts.postgres.url, given.pending, given.due, given.kills))


if __name__ == "__main__":
    main()
