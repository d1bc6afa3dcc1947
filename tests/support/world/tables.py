"""The tables of services/actions, in memory: each method is one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from contracts.actions import ActionRequest
from services.actions.journal.effects import Begin, Decision, Fenced, Go, Key, Record, Settle, State
from services.actions.journal.effects_table import EffectsTable
from services.actions.journal.judge import Row, judge
from services.actions.journal.unknown_calls import UnknownCalls
from services.actions.limits.limits_table import LimitsTable
from services.actions.outcome import Failed
from services.actions.queue.parked_table import Head, Parked, ParkedTable
from services.actions.world import World
from services.runtime import database
from services.runtime.kafka import ConsumedRecord
from tests.support.world.faults import NONE, Faults

DAY_SECONDS = 86_400.0


@dataclass
class _Effect:
    row: Row
    began: float


@dataclass
class FakeEffects(EffectsTable):
    """The journal's rows, and who works on which partition."""

    world: World
    faults: Faults = NONE
    effects: dict[Key, _Effect] = field(default_factory=dict)
    places: dict[str, tuple[int, str]] = field(default_factory=dict)
    epochs: Any = field(default_factory=lambda: count(1))

    async def enter(self, places: Sequence[str], owner: str) -> dict[str, int]:
        """Take over these places."""
        async with self.faults.around("effects.enter"):
            for place in places:
                self.places[place] = (next(self.epochs), owner)
            return {place: self.places[place][0] for place in places}

    async def write(self, begins: Sequence[Begin], settles: Sequence[Settle]) -> tuple[dict[Key, Decision], set[Key]]:
        """Begin and settle."""
        async with self.faults.around("effects.write"):
            settled = {settle.key for settle in settles if self._settle(settle)}
            decisions = {begin.key: self._begin(begin) for begin in begins}
        return decisions, settled

    def _begin(self, begin: Begin) -> Decision:
        if self.places.get(begin.record.place, (0, ""))[0] != begin.epoch:
            return Fenced()
        held = self.effects.get(begin.key)
        now = self.world.now()
        if held is None:
            state, attempts = (State.SENT, 1) if begin.leaves else (State.CLAIMED, 0)
            row = Row(state, begin.guarantee, begin.epoch, begin.record, attempts, 0.0, held_elsewhere=False)
            self.effects[begin.key] = _Effect(row, now)
            return Go(1, 0.0)
        alive = any(epoch == held.row.epoch for epoch, _ in self.places.values())
        seen = replace(held.row, age_seconds=now - held.began, held_elsewhere=alive and held.row.epoch != begin.epoch)
        decision, taken = judge(seen, begin)
        if taken is not None:
            held.began = now if taken.anew else held.began
            held.row = replace(
                held.row,
                state=taken.state,
                guarantee=taken.guarantee,
                epoch=begin.epoch,
                record=Record(*begin.record),
                attempts=taken.attempts,
                maybe=(held.row.maybe and not taken.anew) or taken.maybe,
                code=taken.code,
                cause=taken.cause,
            )
        return decision

    def _settle(self, settle: Settle) -> bool:
        held = self.effects.get(settle.key)
        if held is None or held.row.epoch != settle.epoch:
            return False
        maybe = (held.row.maybe and not settle.absent) or settle.maybe
        held.row = replace(
            held.row,
            state=settle.state,
            maybe=maybe,
            answer=settle.answer,
            code=settle.code,
            cause=settle.cause,
            attempts=held.row.attempts - (settle.free and held.row.state is not settle.state),
        )
        return True


@dataclass
class FakeLimits(LimitsTable):
    """Leases, pauses and breakers, by one clock."""

    world: World
    faults: Faults = NONE
    alive: int = 1
    next_at: dict[str, float] = field(default_factory=dict)
    used: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    paused: dict[str, float] = field(default_factory=dict)
    opened: dict[str, tuple[float, int]] = field(default_factory=dict)  # until, how often again

    async def slots(self, connection: str, seconds: float, burst_seconds: float) -> float:
        """Lease the next free time of this length."""
        async with self.faults.around("limits.slots"):
            now = self.world.now()
            begins = max(self.next_at.get(connection, 0.0), now - burst_seconds)
            self.next_at[connection] = begins + seconds
        return begins - now

    async def quota(self, connection: str, calls: int, most: int) -> int:
        """Lease so many calls of today's."""
        async with self.faults.around("limits.quota"):
            today = (connection, int(self.world.wall() // DAY_SECONDS))
            leased = calls if self.used[today] + calls <= most or not self.used[today] else 0
            self.used[today] += leased
        return leased

    async def pause(self, connection: str, seconds: float) -> None:
        """Nothing is to be sent for so long."""
        async with self.faults.around("limits.pause"):
            until = self.world.now() + seconds
            self.paused[connection] = max(self.paused.get(connection, until), until)

    async def pauses(self, connections: Sequence[str]) -> dict[str, float]:
        """Those that nothing is to be sent to."""
        async with self.faults.around("limits.pauses"):
            now = self.world.now()
            return {one: self.paused[one] - now for one in connections if self.paused.get(one, now) > now}

    async def workers(self, topic: str) -> int:
        """How many share the topic's partitions."""
        async with self.faults.around("limits.workers"):
            del topic
            return self.alive

    async def breakers(self, connections: Sequence[str]) -> dict[str, bool]:
        """Open breakers, and whether one call may be tried."""
        async with self.faults.around("limits.breakers"):
            now = self.world.now()
            return {one: self.opened[one][0] <= now for one in connections if one in self.opened}

    async def open(
        self, connection: str, seconds: float, most_seconds: float, cause: str, *, again: bool
    ) -> float | None:
        """Open a breaker."""
        async with self.faults.around("limits.open"):
            del cause
            known = self.opened.get(connection)
            found: float | None = None
            if known is None:
                found = seconds
                self.opened[connection] = (self.world.now() + seconds, 1)
            elif again:
                found = min(most_seconds, seconds * 2.0 ** min(known[1], 10))
                self.opened[connection] = (self.world.now() + found, known[1] + 1)
        return found

    async def probe(self, connection: str, seconds: float, patience_seconds: float) -> bool:
        """Whether it is this worker that tries a call."""
        async with self.faults.around("limits.probe"):
            known, now = self.opened.get(connection), self.world.now()
            granted = known is not None and known[0] <= now - patience_seconds
            if known is not None and granted:
                self.opened[connection] = (now + seconds, known[1])
        return granted

    async def close(self, connection: str) -> None:
        """Close a breaker."""
        async with self.faults.around("limits.close"):
            self.opened.pop(connection, None)


@dataclass
class FakeParked(ParkedTable):
    """Requests that wait: by (place, lane, offset) the row, since when it is tried, and when it is due."""

    world: World
    faults: Faults = NONE
    rows: dict[tuple[str, str, int], tuple[Parked, float, float]] = field(default_factory=dict)

    async def heads(self, place: str) -> list[Head]:
        """The lanes of a place."""
        async with self.faults.around("parked.heads"):
            lanes: dict[str, list[tuple[int, float]]] = defaultdict(list)
            for (where, lane, offset), (_, _, due) in self.rows.items():
                if where == place and not self.rows[where, lane, offset][0].connection:
                    lanes[lane].append((offset, due))
            now = self.world.now()
            return [Head(lane, min(rows)[1] - now, len(rows)) for lane, rows in sorted(lanes.items())]

    async def add(self, rows: Sequence[Parked]) -> None:
        """Keep these, or change when they are due."""
        async with self.faults.around("parked.add"):
            now = self.world.now()
            for row in rows:
                key = (row.place, row.lane, row.record.offset)
                due, held = now + row.wait_seconds, self.rows.get(key)
                if held is None or row.attempts >= held[0].attempts:
                    self.rows[key] = (row, now - row.age_seconds, due)

    async def remove(self, rows: Sequence[tuple[str, str, int]]) -> None:
        """Forget these."""
        async with self.faults.around("parked.remove"):
            for key in rows:
                self.rows.pop(key, None)

    async def load(self, lanes: Sequence[tuple[str, str]], most: int) -> list[Parked]:
        """The first rows of these lanes, in order."""
        async with self.faults.around("parked.load"):
            now = self.world.now()
            found: list[Parked] = []
            for place, lane in sorted(lanes):
                offsets = sorted(offset for where, name, offset in self.rows if (where, name) == (place, lane))
                for offset in offsets[:most]:
                    row, began, _ = self.rows[place, lane, offset]
                    age = row.age_seconds if row.still else now - began
                    found.append(row._replace(age_seconds=age, wait_seconds=0.0))
        return found

    async def copy(self, rows: Sequence[Parked]) -> None:
        """Keep these."""
        await self.add(rows)

    async def connections(self, place: str) -> list[str]:
        """The connections that requests of a place wait for."""
        async with self.faults.around("parked.connections"):
            found = {row.connection for (where, _, _), (row, _, _) in self.rows.items() if where == place}
        return sorted(found - {""})

    async def count(self, place: str) -> int:
        """How many requests of a place wait."""
        async with self.faults.around("parked.count"):
            return sum(where == place for where, _, _ in self.rows)

    async def next(self, place: str, connection: str, after: int, most: int) -> list[Parked]:
        """What waits for a connection behind an offset."""
        async with self.faults.around("parked.next"):
            found = self._of(place, connection)
        return [row._replace(wait_seconds=0.0, connection="") for row in found if row.record.offset > after][:most]

    async def newest(self, place: str, connection: str, most: int) -> list[str]:
        """The lanes of what came last of it."""
        async with self.faults.around("parked.newest"):
            found = self._of(place, connection)
        return [row.lane for row in reversed(found)][:most]

    async def late(self, places: Sequence[str], wall: float, most: int) -> list[Parked]:
        """What is past its deadline."""
        async with self.faults.around("parked.late"):
            now, found = self.world.now(), []
            for (where, _, _), (row, began, _) in self.rows.items():
                if where in places and row.deadline is not None and row.deadline <= wall:
                    age = row.age_seconds if row.still else now - began
                    found.append(row._replace(age_seconds=age, wait_seconds=0.0, connection=""))
        return sorted(found, key=lambda row: row.deadline or 0.0)[:most]

    async def bytes(self) -> int:
        """What it takes on disk."""
        async with self.faults.around("parked.bytes"):
            return 1_000 * len(self.rows)

    def _of(self, place: str, connection: str) -> list[Parked]:
        rows = [row for (where, _, _), (row, _, _) in self.rows.items() if where == place]
        return sorted((row for row in rows if row.connection == connection), key=lambda row: row.record.offset)


@dataclass
class FakeUnknownCalls(UnknownCalls):
    """What waits for a person. It outlasts PostgreSQL's absence, as the real one."""

    faults: Faults = NONE
    open: dict[Key, Failed] = field(default_factory=dict)

    async def keep(self, key: Key, request: ActionRequest, record: ConsumedRecord, failed: Failed) -> None:
        """A person decides."""
        del request, record

        async def keep() -> None:
            async with self.faults.around("unknown.keep"):
                self.open[key] = failed

        await database.patiently("unknown.keep", keep)

    async def asked(self, key: Key) -> bool:
        """Whether a person is."""

        async def asked() -> bool:
            async with self.faults.around("unknown.asked"):
                return key in self.open

        return await database.patiently("unknown.asked", asked)
