"""What is looked at during a soak: memory of each service, rows and bytes of each table, records behind."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
import psutil

from contracts.topics import ACTIONS, EVENTS, HISTORY, RUNS
from services.actions.consumer import GROUP as ACTIONS_GROUP
from services.cli.stack.stack import Stack
from services.ingest.event_ends import GROUP as ENDS_GROUP
from services.runtime.kafka.group_offsets import GroupOffsets
from services.tools.faust_app import GROUP as TOOLS_GROUP

MEGABYTE = 1_048_576
SERVICES = ("ingest", "tools", "actions")
READ = {TOOLS_GROUP: (EVENTS, RUNS), ACTIONS_GROUP: (ACTIONS,), ENDS_GROUP: (HISTORY,)}
TABLES = """
select relname, pg_total_relation_size(oid)::float8 as bytes from pg_class
where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname
"""


@dataclass(frozen=True)
class Sample:
    """One look. `what` is memory, rows, size or lag; `of` is the service, table or consumer group."""

    second: float
    what: str
    of: str
    value: float


class Looker:
    """Takes samples of a stack."""

    def __init__(self, stack: Stack, connection: asyncpg.Connection) -> None:
        self._stack = stack
        self._connection = connection
        self._settings = stack.settings()
        self._offsets = {group: GroupOffsets(self._settings, group) for group in READ}

    async def look(self, second: float) -> list[Sample]:
        """All there is to see now."""
        found = [Sample(second, "memory", name, self._memory(name)) for name in SERVICES]
        for row in await self._connection.fetch(TABLES):
            table = row["relname"]
            rows = await self._connection.fetchval(f'select count(*) from "{table}"')  # noqa: S608 - from pg_class
            found += [
                Sample(second, "rows", table, rows),
                Sample(second, "size", table, round(row["bytes"] / MEGABYTE, 3)),
            ]
        return [*found, *[Sample(second, "lag", group, await self._lag(group)) for group in READ]]

    async def lag(self) -> dict[str, float]:
        """Records that a service has not come to, by consumer group."""
        return {group: await self._lag(group) for group in READ}

    async def behind(self) -> dict[str, float]:
        """Those, and the waits and parked requests that are not over."""
        waiting = {
            table: float(await self._connection.fetchval(f"select count(*) from {table}"))  # noqa: S608 - our own names
            for table in ("timers", "parked")
        }
        return waiting | await self.lag()

    async def records(self) -> int:
        """How many events were ever in the topic."""
        progress = await self._offsets[TOOLS_GROUP].of([EVENTS.under(self._settings.topic_prefix)])
        return sum(one.end for one in progress.values())

    async def close(self) -> None:
        """Leave Kafka."""
        for offsets in self._offsets.values():
            await offsets.close()

    def _memory(self, name: str) -> float:
        pid = self._stack.services[name].pid
        return round(float(psutil.Process(pid).memory_info().rss) / MEGABYTE, 1)

    async def _lag(self, group: str) -> float:
        topics = [topic.under(self._settings.topic_prefix) for topic in READ[group]]
        return sum(one.lag for one in (await self._offsets[group].of(topics)).values())


def write(path: Path, samples: Sequence[Sample]) -> None:
    """A CSV with one row a sample."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["second", "what", "of", "value"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(sample) for sample in samples)


def series(samples: Sequence[Sample], what: str) -> dict[str, list[tuple[float, float]]]:
    """The values over time of each thing that was looked at, in the order of its name."""
    found: dict[str, list[tuple[float, float]]] = {}
    for sample in sorted(samples, key=lambda one: (one.of, one.second)):
        if sample.what == what:
            found.setdefault(sample.of, []).append((sample.second, sample.value))
    return found
