"""The journal as the worker uses it: assignments, and group commits that outlast PostgreSQL's absence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence

from services.actions.delivery.batcher import Batcher
from services.actions.journal.effects import Begin, Decision, Fenced, Go, Held, Key, Record, Settle
from services.actions.journal.store import Store
from services.flows.catalogue import Guarantee
from services.runtime import database, logging

log = logging.get("journal")
# A worker that is thrown out of its group learns it within its session's time. Who was fenced and is still a member
# after that was overtaken by the late writing of another, and takes its place back.
REENTER_SECONDS = 15.0


class Tenure:
    """One assignment of one partition to this worker."""

    def __init__(self, place: str, entering: asyncio.Task[int]) -> None:
        self.place = place
        self.entering = entering
        self.fenced_at: float | None = None

    async def epoch(self) -> int:
        """Its number, once PostgreSQL has given one."""
        return await asyncio.shield(self.entering)


class Journal:
    """`owner`: this worker's name, new with each start. `on_wait` is called while PostgreSQL is away."""

    def __init__(self, store: Store, owner: str, on_wait: Callable[[], object]) -> None:
        self._store = store
        self._owner = owner
        self._on_wait = on_wait
        self._tenures: dict[Hashable, Tenure] = {}
        self._entering = asyncio.Lock()
        self._open: set[Key] = set()
        self._batcher: Batcher[Begin | Settle, Decision | bool] = Batcher(self._write)

    def enter(self, assignment: Hashable, place: str) -> Tenure:
        """A partition was assigned. Its epoch is fetched while others work on."""
        tenure = Tenure(place, asyncio.create_task(self._enter(assignment, place)))
        self._tenures[assignment] = tenure
        return tenure

    def leave(self, assignment: Hashable) -> None:
        """It was given up."""
        tenure = self._tenures.pop(assignment, None)
        if tenure is not None:
            tenure.entering.cancel()

    async def begin(self, assignment: Hashable, key: Key, guarantee: Guarantee, position: int) -> Decision:
        """May a request be sent? `Go`: yes, and the journal says so. Returns only when PostgreSQL has answered."""
        tenure = self._tenures.get(assignment)
        if tenure is None:
            return Fenced()
        if key in self._open:
            return Held()
        self._open.add(key)
        decision: Decision = Fenced()
        try:
            epoch = await self._epoch(tenure)
            if epoch is None:
                return decision
            answer = await self._batcher.ask(Begin(key, guarantee, epoch, Record(tenure.place, position)))
            decision = answer if not isinstance(answer, bool) else decision
            if isinstance(decision, Fenced):
                self._fenced(assignment, tenure)
        finally:
            if not isinstance(decision, Go):
                self._open.discard(key)
        return decision

    async def settle(self, assignment: Hashable, settle: Callable[[int], Settle]) -> bool:
        """Write what came of a request; False: the effect is somebody else's now, and so is what follows from it."""
        tenure = self._tenures.get(assignment)
        if tenure is None or (epoch := await self._epoch(tenure)) is None:
            return False
        entry = settle(epoch)
        try:
            return await self._batcher.ask(entry) is True
        finally:
            self._open.discard(entry.key)

    def abandon(self, key: Key) -> None:
        """Nothing more is known of a request that was begun: its row stays `sent`."""
        self._open.discard(key)

    async def close(self) -> None:
        """Stop at once."""
        await self._batcher.close()
        for assignment in list(self._tenures):
            self.leave(assignment)

    async def _epoch(self, tenure: Tenure) -> int | None:
        try:
            return await tenure.epoch()
        except asyncio.CancelledError:
            if tenure.entering.cancelled():
                return None
            raise

    async def _enter(self, assignment: Hashable, place: str) -> int:
        """One after the other: a later assignment of the same place has the later epoch."""
        async with self._entering:

            async def enter() -> int:
                return (await self._store.enter([place], self._owner))[place]

            epoch = await database.patiently("journal.enter", enter, self._on_wait)
        log.debug("place.entered", place=place, epoch=epoch, assignment=id(assignment))
        return epoch

    def _fenced(self, assignment: Hashable, tenure: Tenure) -> None:
        """Somebody else has entered the place: either this worker is about to learn that it lost it, or it was late."""
        if self._tenures.get(assignment) is not tenure:
            return
        now = time.monotonic()
        if tenure.fenced_at is None:
            tenure.fenced_at = now
            log.warning("place.fenced", place=tenure.place)
        elif now - tenure.fenced_at > REENTER_SECONDS:
            log.warning("place.reentered", place=tenure.place)
            self.enter(assignment, tenure.place)

    async def _write(self, entries: list[Begin | Settle]) -> Sequence[Decision | bool]:
        answers: dict[int, Decision | bool] = {}
        for chosen in _rounds(entries):
            begins = [entry for _, entry in chosen if isinstance(entry, Begin)]
            settles = [entry for _, entry in chosen if isinstance(entry, Settle)]

            async def write(
                begins: list[Begin] = begins, settles: list[Settle] = settles
            ) -> tuple[dict[Key, Decision], set[Key]]:
                return await self._store.write(begins, settles)

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
