"""The journal as the worker uses it: assignments, and group commits that outlast PostgreSQL's absence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from services.actions.batcher import Batcher
from services.actions.journal.effects import Begin, Decision, Fenced, Go, Held, Key, Record, Settle, State
from services.actions.journal.effects_table import EffectsTable
from services.actions.world import REAL, World
from services.flows.catalogue import Guarantee
from services.runtime import database, logging

log = logging.get("journal")
# A worker that is thrown out of its group learns it within its session's time. Who was fenced and is still a member
# after that was overtaken by the late writing of another, and takes its place back.
REENTER_SECONDS = 15.0


class Tenure:
    """One assignment of one partition to this worker. `over`: it was given up."""

    def __init__(self, place: str, entering: asyncio.Task[int]) -> None:
        self.place = place
        self.entering = entering
        self.over = False
        self.fenced_at: float | None = None

    async def epoch(self) -> int:
        """Its number, once PostgreSQL has given one."""
        return await asyncio.shield(self.entering)


class Journal:
    """`owner`: this worker's name, new with each start. `on_wait` is called while PostgreSQL is away."""

    def __init__(self, table: EffectsTable, owner: str, on_wait: Callable[[], object], *, world: World = REAL) -> None:
        self._table = table
        self._owner = owner
        self._on_wait = on_wait
        self._world = world
        self._tenures: set[Tenure] = set()
        self._entering = asyncio.Lock()
        self._open: set[Key] = set()
        self._batcher: Batcher[Begin | Settle, Decision | bool] = Batcher(self._write)

    def enter(self, place: str) -> Tenure:
        """A partition was assigned. Its epoch is fetched while others work on."""
        tenure = Tenure(place, asyncio.create_task(self._enter(place)))
        self._tenures.add(tenure)
        return tenure

    def leave(self, tenure: Tenure) -> None:
        """It was given up. Twice is once."""
        tenure.over = True
        self._tenures.discard(tenure)
        tenure.entering.cancel()

    async def begin(
        self,
        tenure: Tenure,
        key: Key,
        guarantee: Guarantee,
        position: int,
        keyed_seconds: float | None = None,
        *,
        leaves: bool = True,
    ) -> Decision:
        """May a request be sent? `Go`: yes, and the journal says so. Returns only when PostgreSQL has answered.

        `keyed_seconds`: how long after its first call the destination knows a keyed one again.
        `leaves`: False where none will be sent, and the effect is only held until it is settled.
        """
        if tenure.over:
            return Fenced()
        if key in self._open:
            return Held()
        self._open.add(key)
        decision: Decision = Fenced()
        try:
            epoch = await self._epoch(tenure)
            if epoch is None:
                return decision
            answer = await self._batcher.ask(
                Begin(key, guarantee, epoch, Record(tenure.place, position), keyed_seconds, leaves)
            )
            decision = answer if not isinstance(answer, bool) else decision
            if isinstance(decision, Go) and tenure.over:  # given up while PostgreSQL was away: nothing leaves
                decision = Fenced()
                await self._batcher.ask(Settle(key, epoch, State.CLAIMED, free=leaves))
            elif isinstance(decision, Fenced):
                self._fenced(tenure)
        finally:
            if not isinstance(decision, Go):
                self._open.discard(key)
        return decision

    async def settle(self, tenure: Tenure, key: Key, settle: Callable[[int], Settle]) -> bool:
        """Write what came of a request; False: the effect is somebody else's now, and so is what follows from it.

        Somebody else can be this worker, under the number that it has of the same partition by now. Whoever it is goes
        on from what came of the request, if they have not asked for it yet.
        """
        try:
            if (epoch := await self._epoch(tenure)) is None:
                return False
            return await self._batcher.ask(settle(epoch)) is True and not tenure.over
        finally:
            self._open.discard(key)

    def abandon(self, key: Key) -> None:
        """Nothing more is known of a request that was begun: its row stays `sent`."""
        self._open.discard(key)

    async def close(self) -> None:
        """Stop at once."""
        await self._batcher.close()
        for tenure in list(self._tenures):
            self.leave(tenure)

    async def _epoch(self, tenure: Tenure) -> int | None:
        try:
            return await tenure.epoch()
        except asyncio.CancelledError:
            if tenure.entering.cancelled():
                return None
            raise

    async def _enter(self, place: str) -> int:
        """One after the other: a later assignment of the same place has the later epoch."""
        async with self._entering:

            async def enter() -> int:
                return (await self._table.enter([place], self._owner))[place]

            epoch = await database.patiently("journal.enter", enter, self._on_wait)
        log.debug("place.entered", place=place, epoch=epoch)
        return epoch

    def _fenced(self, tenure: Tenure) -> None:
        """Somebody else has entered the place: either this worker is about to learn that it lost it, or it was late."""
        if tenure.over:
            return
        now = self._world.now()
        if tenure.fenced_at is None:
            tenure.fenced_at = now
            log.warning("place.fenced", place=tenure.place)
        elif now - tenure.fenced_at > REENTER_SECONDS:
            log.warning("place.reentered", place=tenure.place)
            tenure.fenced_at = None
            tenure.entering = asyncio.create_task(self._enter(tenure.place))

    async def _write(self, entries: list[Begin | Settle]) -> Sequence[Decision | bool]:
        answers: dict[int, Decision | bool] = {}
        for chosen in _rounds(entries):
            begins = [entry for _, entry in chosen if isinstance(entry, Begin)]
            settles = [entry for _, entry in chosen if isinstance(entry, Settle)]

            async def write(
                begins: list[Begin] = begins, settles: list[Settle] = settles
            ) -> tuple[dict[Key, Decision], set[Key]]:
                return await self._table.write(begins, settles)

            decisions, settled = await database.patiently("journal.write", write, self._on_wait)
            for index, entry in chosen:
                answers[index] = decisions[entry.key] if isinstance(entry, Begin) else entry.key in settled
        return [answers[index] for index in range(len(entries))]


def _rounds(entries: list[Begin | Settle]) -> list[list[tuple[int, Begin | Settle]]]:
    """The entries in as few groups as possible, so that none holds an effect twice. Almost always one."""
    rounds: list[list[tuple[int, Begin | Settle]]] = []
    seen: list[set[Key]] = []
    for index, entry in enumerate(entries):
        number = next((number for number, keys in enumerate(seen) if entry.key not in keys), len(seen))
        if number == len(seen):
            rounds.append([])
            seen.append(set())
        seen[number].add(entry.key)
        rounds[number].append((index, entry))
    return rounds
