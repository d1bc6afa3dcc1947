"""What waits for an ill connection, by the million and for days: is memory flat, who else waits, how fast does it go?

    python -m tests.bench.parking [--rows N] [--laid N,N,…] [--drain SECONDS]

One worker over real Kafka and PostgreSQL. `--rows` requests for a connection that is away come through Kafka: how fast
are they parked? More are put into its table, until it holds each amount of `--laid`, as the product writes them, which
is faster; the worker is started anew beside them, and how long each of its statements takes is told. Then `--rows` come
through Kafka again, its clock jumps five days, the destination returns and bears 400 calls a second, and for so many
seconds it is seen how fast what waits comes back; then for as long without a bound of the destination. All the while
another connection's calls come by the clock. Exit 1 when memory grows with what waits, a healthy p99 is over twice the
calm one (floor 50 ms), less than 5,000 a second are parked, a statement reads the whole table, or a call died.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import signal
import sys
import textwrap
import time
import urllib.request
from contextlib import suppress
from itertools import count
from typing import Any

import asyncpg
import psutil

from contracts.actions import ActionRequest, Retry
from contracts.ids import stable_id
from contracts.topics import ACTIONS, DAY_SECONDS
from services.actions.queue.oldest_parked import OLDEST
from services.actions.queue.parked_table import (
    BYTES,
    CONNECTIONS,
    COUNT,
    HEADS,
    LATE,
    LOAD,
    NEWEST,
    NEXT,
    REMOVE,
    Parked,
    ParkedTable,
)
from services.actions.queue.parking import LATE_AT_ONCE, NEWEST_LANES, ROWS_A_LANE, ROWS_OF_A_SHELF
from services.runtime.kafka import ConsumedRecord
from services.runtime.kafka.group_offsets import GroupOffsets
from tests.bench.isolation.ground import asked, destinations
from tests.bench.isolation.verdict import bound, share
from tests.support.actions import Kafka, Worker, kafka, request, worker
from tests.support.servers import Servers, servers

HEALTHY_A_SECOND = 100.0
PHASE_SECONDS = 20.0
BORNE = 400
LEAST_PARKED_A_SECOND = 5_000
MOST_GROWN_MB = 64.0
PARTITIONS = 4
LAID_FROM = 1_000_000_000
"""Offsets of rows that never were in Kafka: behind all that come."""
LANES = 500_000
BATCH, AT_ONCE = 2_000, 4
FAR_SECONDS = 30 * DAY_SECONDS
LOADED = 40
PATIENT = Retry(attempts=8, within_seconds=2 * DAY_SECONDS)
AWAY = {"path": "/ill", "cut": True}
MORE = "  ill: {{ base_url: '{url}/ill', idempotency: {{ header: Idempotency-Key, for: 24h }} }}\n"


class Bench:
    """One worker, and what is measured of it."""

    def __init__(self, topics: Kafka, port: int, one: Worker, pool: asyncpg.Pool) -> None:
        self._topics = topics
        self._port = port
        self._worker = one
        self._pool = pool
        self._healthy = count(1)
        self._ill = count()
        self._laid = 0
        self._template = _request(0, "ill", "@s", "@e").to_bytes()
        self.wrong: list[str] = []

    @property
    def _topic(self) -> str:
        return ACTIONS.under(self._topics.settings.topic_prefix)

    @property
    def memory(self) -> float:
        """Of the worker, in MB."""
        assert self._worker.process is not None
        return psutil.Process(self._worker.process.pid).memory_info().rss / 1e6

    @property
    def used(self) -> float:
        """Seconds of CPU of the worker so far: what it takes where others load the machine too."""
        assert self._worker.process is not None
        times = psutil.Process(self._worker.process.pid).cpu_times()
        return float(times.user + times.system)

    async def healthy(self, name: str, seconds: float, calm: float = math.nan) -> float:
        """Calls to another connection by the clock; the p99 of their waits. Not over the bound of a calm one."""
        amount = int(seconds * HEALTHY_A_SECOND)
        first = next(self._healthy)
        for _ in range(amount - 1):
            next(self._healthy)
        begun, due = time.monotonic(), []
        for place in range(amount):
            due.append(begun + place / HEALTHY_A_SECOND)
            if (wait := due[-1] - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            one = _request(first + place, "crm", f"+3519100{first + place:06d}", f"healthy{first + place}")
            await self._topics.producer.send(ACTIONS, one.key, one.to_bytes())
        came = await self._ask("/_seen", [first, first + amount])
        for _ in range(300):
            if None not in came:
                break
            await asyncio.sleep(0.1)
            came = await self._ask("/_seen", [first, first + amount])
        took = [math.inf if one is None else one - moment for moment, one in zip(due, came, strict=True)]
        p99 = share(took, 0.99)
        shown = f"p50 {share(took, 0.5) * 1000:6.0f} ms, p99 {p99 * 1000:6.0f} ms"
        print(f"{name:34} {shown}, {self.memory:5.0f} MB", flush=True)
        if not math.isnan(calm) and p99 > bound(calm):
            self.wrong.append(f"{name}: a healthy p99 of {p99 * 1000:.0f} ms, calm {calm * 1000:.0f} ms")
        return p99

    async def rules(self, *rules: object) -> None:
        """At the destination."""
        await self._ask("/_rules", list(rules))

    async def put(self, amount: int) -> float:
        """So many ill ones through Kafka; how many a second Kafka took."""
        begun = time.monotonic()
        for _ in range(amount // BATCH):
            sent = [await self._topics.producer.send(ACTIONS, *self._record()) for _ in range(BATCH)]
            await asyncio.gather(*sent)
        return amount / (time.monotonic() - begun)

    async def lay(self, amount: int) -> float:
        """So many rows into the table; how many a second."""
        table, begun = ParkedTable(self._pool), time.monotonic()
        until = self._laid + amount

        async def some() -> None:
            while (first := self._laid) < until:
                self._laid += BATCH
                await table.copy([self._row(self._topic, first + place) for place in range(BATCH)])

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
        return amount / (time.monotonic() - begun)

    async def statements(self) -> None:
        """What each statement of the worker takes beside what waits, by which index."""
        place = f"{self._topic}/0"
        rows = await self._pool.fetch("select lane, position from parked where place = $1 limit $2", place, LOADED)
        places, lanes, positions = [place] * len(rows), [row["lane"] for row in rows], [row["position"] for row in rows]
        asked_for: dict[str, tuple[str, list[object]]] = {
            "heads": (HEADS, [place]),
            "connections": (CONNECTIONS, [place]),
            "count": (COUNT, [place]),
            "next": (NEXT, [place, "ill", LAID_FROM, ROWS_OF_A_SHELF]),
            "newest": (NEWEST, [place, "ill", NEWEST_LANES]),
            "late": (LATE, [[f"{self._topic}/{one}" for one in range(PARTITIONS)], time.time(), LATE_AT_ONCE]),
            "load": (LOAD, [places, lanes, ROWS_A_LANE]),
            "remove": (REMOVE, [places, lanes, positions]),
            "oldest": (OLDEST, []),
            "bytes": (BYTES, []),
        }
        told = []
        for name, (statement, values) in asked_for.items():
            took, nodes = await self._explained(statement, values)
            by = sorted({str(node["Index Name"]) for node in nodes if "Index Name" in node})
            told.append(f"{name} {took:.1f} ms ({', '.join(by) or 'none'})")
            if name != "count" and any(
                node.get("Relation Name") == "parked" and node["Node Type"] == "Seq Scan" for node in nodes
            ):
                self.wrong.append(f"{name} reads the whole table beside {await self.parked():,}")
        print(textwrap.fill("; ".join(told), 116, initial_indent="    ", subsequent_indent="    "), flush=True)
        rows_, size = await self.parked(), await self._pool.fetchval(BYTES)
        print(f"    {size / 1e9:.1f} GB on disk, {size / rows_:,.0f} bytes a row", flush=True)

    async def _explained(self, statement: str, values: list[object]) -> tuple[float, list[dict[str, Any]]]:
        """The milliseconds that it takes, and the nodes of its plan: the one that serves any values. Nothing stays."""
        async with self._pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute("set local plan_cache_mode = force_generic_plan")
                text = await connection.fetchval(f"explain (analyze, format json) {statement}", *values)
            finally:
                await transaction.rollback()
        (found,) = json.loads(text)
        nodes, left = [], [found["Plan"]]
        while left:
            nodes.append(node := left.pop())
            left += node.get("Plans", [])
        return found["Execution Time"], nodes

    async def park(self, amount: int) -> None:
        """So many through Kafka, until all are parked."""
        rows, begun, used = await self.parked(), time.monotonic(), self.used
        took = await self.put(amount)
        await self.until_committed(600)
        seconds, used = time.monotonic() - begun, self.used - used
        rate = (await self.parked() - rows) / seconds
        print(f"{amount:,} through Kafka, which took {took:,.0f} a second: {rate:,.0f} a second parked", flush=True)
        print(f"{'':34} {1000 * used / amount:.2f} CPU seconds of the worker a 1,000, of {seconds:.0f} s")
        if rate < LEAST_PARKED_A_SECOND:
            self.wrong.append(f"{rate:,.0f} a second were parked beside {rows:,}, not {LEAST_PARKED_A_SECOND:,}")

    async def parked(self) -> int:
        """Rows."""
        found: int = await self._pool.fetchval("select count(*) from parked")
        return found

    async def until_committed(self, seconds: float) -> None:
        """Wait until the group has no record behind it."""
        offsets = GroupOffsets(self._topics.settings, "actions")
        try:
            for _ in range(int(seconds * 5)):
                if not any(one.lag for one in (await offsets.of([self._topic])).values()):
                    return
                await asyncio.sleep(0.2)
        finally:
            await offsets.close()

    def metric(self, name: str) -> float:
        """Of the worker."""
        url = f"http://127.0.0.1:{self._worker.environ['FLOWS_HEALTH_PORT']}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def _record(self) -> tuple[bytes, bytes]:
        number = next(self._ill)
        subject = f"+35193{number % LANES:07d}"
        value = self._template.replace(b"@s", subject.encode()).replace(b"@e", b"ill%d" % number)
        return f"default/{subject}".encode(), value

    def _row(self, topic: str, number: int) -> Parked:
        key, value = self._record()
        partition, offset = number % PARTITIONS, LAID_FROM + number
        lane = stable_id("default", key.decode().removeprefix("default/"), "ill")
        record = ConsumedRecord(ACTIONS, topic, partition, offset, key, value, [])
        deadline = time.time() + FAR_SECONDS if number % 10 == 0 else None
        return Parked(f"{topic}/{partition}", lane, record, 0, 0.0, still=True, connection="ill", deadline=deadline)

    async def _ask(self, path: str, body: object) -> list[float | None]:
        found: list[float | None] = await asyncio.to_thread(asked, self._port, path, body)
        return found


def _request(number: int, connection: str, subject: str, effect: str) -> ActionRequest:
    inputs = {"method": "POST", "url": "/calls", "json": {"n": str(number), "phone": subject}}
    if connection == "ill":
        inputs["json"] = {"phone": subject}
    one = request(number, subject, effect_id=effect, connection=connection, inputs=inputs, retry=PATIENT, last=True)
    return one.model_copy(update={"run": one.run.model_copy(update={"flow": f"flow-{connection}", "id": effect})})


async def measure(parts: Servers, wanted: argparse.Namespace) -> list[str]:
    """What does not hold."""
    pool = await asyncpg.create_pool(parts.postgres.url, min_size=1, max_size=AT_ONCE + 1)
    async with kafka(parts.kafka.bootstrap, parts.prefix(), partitions=PARTITIONS) as topics:
        with destinations() as port:
            url = f"http://127.0.0.1:{port}"
            most = {"FLOWS_MAX_PARKED": str(2 * (2 * wanted.rows + max(wanted.laid, default=0)))}
            with worker(topics, parts.folder, url, parts.postgres.url, more=MORE.format(url=url), **most) as one:
                one.module = "tests.bench.shifted_actions"
                one.start()
                await one.says("partitions.assigned", 60)
                bench = Bench(topics, port, one, pool)
                await _story(bench, one, wanted)
                one.stop()
    pool.terminate()
    return bench.wrong


async def _story(bench: Bench, one: Worker, wanted: argparse.Namespace) -> None:
    await bench.healthy("warm", 5)
    calm = await bench.healthy("calm", PHASE_SECONDS)
    await bench.rules(AWAY)
    await bench.put(BATCH)
    await one.says("breaker.opened", 60)
    await bench.park(wanted.rows)
    await bench.healthy(f"{await bench.parked():,} wait", PHASE_SECONDS, calm)
    before = bench.memory  # with what Kafka's client keeps of a flood
    for most in wanted.laid:
        one.stop(60)
        amount = most - await bench.parked()
        print(f"{amount:,} rows laid, {await bench.lay(amount):,.0f} a second", flush=True)
        begun = time.monotonic()
        one.log.write_text("")
        one.start()
        await one.says("partitions.assigned", 120)
        await bench.healthy("started beside them", 1)
        print(f"{'':34} it calls {time.monotonic() - begun - 1:.1f} s after its start")
        await bench.statements()
        await bench.healthy(f"{await bench.parked():,} wait", PHASE_SECONDS, calm)
    if wanted.laid:
        await bench.park(wanted.rows)
    assert one.process is not None
    os.kill(one.process.pid, signal.SIGUSR1)
    await bench.healthy("five days later", PHASE_SECONDS, calm)
    await _drain(bench, one, wanted.drain, calm)
    if (grown := bench.memory - before) > MOST_GROWN_MB:
        bench.wrong.append(f"memory grew by {grown:.0f} MB with what waited")
    if dead := bench.metric("flows_dead_letters_total"):
        bench.wrong.append(f"{dead:,.0f} calls died")


async def _drain(bench: Bench, one: Worker, seconds: float, calm: float) -> None:
    """The destination is back."""
    await bench.rules({"path": "/ill", "bears": BORNE})
    begun = time.monotonic()
    await one.says("breaker.closed", 90)
    print(f"{'':34} found well {time.monotonic() - begun:.0f} s after its return", flush=True)
    begun = time.monotonic()

    async def look() -> None:
        before = await bench.parked()
        while True:
            await asyncio.sleep(10)
            now = await bench.parked()
            print(
                f"{'':34} {time.monotonic() - begun:4.0f} s: {(before - now) / 10:,.0f} a second come back", flush=True
            )
            before = now

    looking = asyncio.create_task(look())
    await bench.healthy(f"it bears {BORNE} a second again", seconds, calm)
    await bench.rules()
    await bench.healthy("it bears whatever comes", seconds, calm)
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking


def _amounts(text: str) -> list[int]:
    return sorted(int(one) for one in text.split(","))


def main() -> int:
    """Start the servers, measure, end them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.parking", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000, help="through Kafka (default 200000)")
    parser.add_argument("--laid", type=_amounts, default=[], help="laid into the table, up to these (default none)")
    parser.add_argument("--drain", type=float, default=60.0, help="seconds of seeing it come back (default 60)")
    wanted = parser.parse_args()
    seconds = (wanted.rows + max(wanted.laid, default=0)) / 8_000 + 2 * wanted.drain + 40 * len(wanted.laid) + 120
    print(f"about {seconds:,.0f} seconds", flush=True)
    with servers() as parts:
        wrong = asyncio.run(measure(parts, wanted))
    print("\n".join(wrong) or "memory is flat, nobody else waits, nothing died")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
