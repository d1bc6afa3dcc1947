"""The journal as the worker uses it: assignments and their epochs, what is held, and what is asked together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts.errors import ErrorCode
from services.actions.journal.effects import Begin, Decision, Fenced, Go, Held, Key, Record, Settle, State
from services.actions.journal.effects_table import EffectsTable
from services.actions.journal.journal import REENTER_SECONDS, Journal
from services.actions.world import World
from services.flows.catalogue import Guarantee
from tests.support.world import loop

ONE, TWO = Key("default", "one"), Key("default", "two")
KEYED = Guarantee.KEYED
Write = tuple[list[Begin], list[Settle]]


@dataclass
class Table(EffectsTable):
    """Answers what a test says, and notes what it was asked. `away`: so often PostgreSQL is not there."""

    decision: Decision = field(default_factory=lambda: Go(1, 0.0))
    settled: bool = True
    away: int = 0
    entered: list[tuple[Sequence[str], str]] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    enters: asyncio.Event = field(default_factory=asyncio.Event)

    async def enter(self, places: Sequence[str], owner: str) -> dict[str, int]:
        """Rising numbers, once a test lets it."""
        if self.away:
            self.away -= 1
            raise ConnectionRefusedError
        self.entered.append((places, owner))
        number = len(self.entered)
        await self.enters.wait()
        return dict.fromkeys(places, number)

    async def write(self, begins: Sequence[Begin], settles: Sequence[Settle]) -> tuple[dict[Key, Decision], set[Key]]:
        """The same decision for all."""
        if self.away:
            self.away -= 1
            raise ConnectionRefusedError
        self.writes.append((list(begins), list(settles)))
        return {begin.key: self.decision for begin in begins}, {one.key for one in settles if self.settled}


def play(story: Callable[[Journal, Table, list[None]], Coroutine[Any, Any, None]]) -> None:
    """A story with a journal of its own, on made time; the list grows with each wait for PostgreSQL."""

    async def played() -> None:
        clock = asyncio.get_running_loop().time
        waits: list[None] = []
        table = Table()
        table.enters.set()
        journal = Journal(table, "me", lambda: waits.append(None), world=World(now=clock, wall=clock))
        await story(journal, table, waits)
        await journal.close()

    loop.run(played)


def done(key: Key) -> Callable[[int], Settle]:
    """It was done."""
    return lambda epoch: Settle(key, epoch, State.DONE)


def test_what_is_asked_of_the_journal() -> None:
    """Who asks, for which record, under which epoch; once it is there."""

    async def story(journal: Journal, table: Table, waits: list[None]) -> None:
        tenure = journal.enter("t/0")
        assert tenure.place == "t/0"
        assert await journal.begin(tenure, ONE, KEYED, 7, 60.0) == Go(1, 0.0)
        assert await journal.begin(tenure, TWO, Guarantee.AT_MOST_ONCE, 8, leaves=False) == Go(1, 0.0)
        assert table.entered == [(["t/0"], "me")]
        assert await journal.settle(tenure, ONE, done(ONE)) is True
        table.settled = False
        assert await journal.settle(tenure, TWO, done(TWO)) is False
        assert table.writes == [
            ([Begin(ONE, KEYED, 1, Record("t/0", 7), 60.0, leaves=True)], []),
            ([Begin(TWO, Guarantee.AT_MOST_ONCE, 1, Record("t/0", 8), None, leaves=False)], []),
            ([], [Settle(ONE, 1, State.DONE)]),
            ([], [Settle(TWO, 1, State.DONE)]),
        ]
        assert waits == []

    play(story)


def test_it_outlasts_postgresql_that_is_away_and_tells_that_it_waits() -> None:
    """As it enters and as it writes."""

    async def story(journal: Journal, table: Table, waits: list[None]) -> None:
        table.away = 1
        with capture_logs() as logs:
            tenure = journal.enter("t/0")
            assert await tenure.epoch() == 1
            assert len(waits) == 1
            table.away = 2
            assert await journal.begin(tenure, ONE, KEYED, 7) == Go(1, 0.0)
            assert len(waits) == 3
        told = [line["work"] for line in logs if line["event"] == "database.awaited"]
        assert told == ["journal.enter", "journal.write"]

    play(story)


def test_what_was_begun_is_held_until_it_is_settled_or_abandoned() -> None:
    """By whichever assignment; what was refused is not."""

    async def story(journal: Journal, table: Table, _: list[None]) -> None:
        tenure = journal.enter("t/0")
        for end in (lambda: journal.settle(tenure, ONE, done(ONE)), lambda: _abandoned(journal, ONE)):
            assert await journal.begin(tenure, ONE, KEYED, 7) == Go(1, 0.0)
            assert await journal.begin(tenure, ONE, KEYED, 7) == Held()
            assert await journal.begin(tenure, TWO, KEYED, 7) == Go(1, 0.0)
            await end()
            journal.abandon(TWO)
        for refused in (Held(), Fenced()):
            table.decision = refused
            assert await journal.begin(tenure, ONE, KEYED, 7) == refused
        table.decision = Go(2, 1.0)
        assert await journal.begin(tenure, ONE, KEYED, 7) == Go(2, 1.0)
        journal.abandon(ONE)
        journal.abandon(ONE)

    play(story)


async def _abandoned(journal: Journal, key: Key) -> None:
    journal.abandon(key)


def test_an_assignment_that_is_over_begins_nothing_and_ends_nothing() -> None:
    """Also one that is given up while its epoch is fetched. What came of a request is written all the same."""

    async def story(journal: Journal, table: Table, _: list[None]) -> None:
        tenure = journal.enter("t/0")
        assert await journal.begin(tenure, ONE, KEYED, 7) == Go(1, 0.0)
        journal.leave(tenure)
        journal.leave(tenure)
        assert tenure.over
        assert await journal.begin(tenure, TWO, KEYED, 7) == Fenced()
        assert await journal.settle(tenure, ONE, done(ONE)) is False
        assert len(table.writes) == 2
        table.enters.clear()
        entering = journal.enter("t/0")
        asked = [asyncio.create_task(journal.begin(entering, key, KEYED, 7)) for key in (ONE, TWO)]
        asked_end = asyncio.create_task(journal.settle(entering, Key("a", "b"), done(Key("a", "b"))))
        await asyncio.sleep(1.0)
        assert not any(one.done() for one in asked)
        journal.leave(entering)
        assert await asyncio.gather(*asked) == [Fenced(), Fenced()]
        assert await asked_end is False
        table.enters.set()
        again = journal.enter("t/0")
        assert await journal.begin(again, ONE, KEYED, 7) == Go(1, 0.0)

    play(story)


@pytest.mark.parametrize("leaves", [True, False])
def test_what_is_allowed_to_who_has_given_up_meanwhile_is_given_back(*, leaves: bool) -> None:
    """Nothing leaves; the attempt that was counted for it counts no more, and where none was, none is taken off."""

    async def story(journal: Journal, table: Table, _: list[None]) -> None:
        tenure = journal.enter("t/0")
        assert isinstance(await journal.begin(tenure, TWO, KEYED, 7), Go)
        table.away = 1
        asked = asyncio.create_task(journal.begin(tenure, ONE, KEYED, 7, leaves=leaves))
        await asyncio.sleep(0.01)
        assert table.away == 0
        journal.leave(tenure)
        assert await asked == Fenced()
        (back,) = table.writes[-1][1]
        assert (back.key, back.state, back.free) == (ONE, State.CLAIMED, leaves)

    play(story)


def test_who_waits_for_an_epoch_and_is_cancelled_ends_no_other() -> None:
    """The epoch is fetched on."""

    async def story(journal: Journal, table: Table, _: list[None]) -> None:
        table.enters.clear()
        tenure = journal.enter("t/0")
        asked = asyncio.create_task(journal.begin(tenure, ONE, KEYED, 7))
        await asyncio.sleep(0.1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        table.enters.set()
        assert await tenure.epoch() == 1
        assert await journal.begin(tenure, ONE, KEYED, 7) == Go(1, 0.0)

    play(story)


def test_places_are_entered_one_after_the_other() -> None:
    """So the later assignment has the later epoch."""

    async def story(journal: Journal, table: Table, _: list[None]) -> None:
        table.enters.clear()
        first, second = journal.enter("t/0"), journal.enter("t/0")
        await asyncio.sleep(1.0)
        assert len(table.entered) == 1
        table.enters.set()
        assert (await first.epoch(), await second.epoch()) == (1, 2)

    play(story)


def test_who_is_fenced_and_still_a_member_takes_its_place_back() -> None:
    """Once it would have been told that it lost it; not before, and each time anew."""

    async def story(journal: Journal, table: Table, _: list[None]) -> None:
        tenure = journal.enter("t/0")
        table.decision = Fenced()
        for number in (2, 3):
            with capture_logs() as logs:
                assert await journal.begin(tenure, ONE, KEYED, 7) == Fenced()
                await asyncio.sleep(REENTER_SECONDS - 1.0)
                assert await journal.begin(tenure, ONE, KEYED, 7) == Fenced()
                assert len(table.entered) == number - 1
                await asyncio.sleep(1.1)
                assert await journal.begin(tenure, ONE, KEYED, 7) == Fenced()
                assert await tenure.epoch() == number
            told = [(line["event"], line.get("place")) for line in logs]
            assert [one for one in told if one[0] != "place.entered"] == [
                ("place.fenced", "t/0"),
                ("place.reentered", "t/0"),
            ]
        assert table.entered[-1] == (["t/0"], "me")
        table.decision = Go(1, 0.0)
        assert await journal.begin(tenure, ONE, KEYED, 7) == Go(1, 0.0)
        assert table.writes[-1][0][0].epoch == 3

    play(story)


def test_an_assignment_that_is_over_is_not_entered_again() -> None:
    """Its answer comes after it was given up."""

    async def story(journal: Journal, table: Table, _: list[None]) -> None:
        tenure = journal.enter("t/0")
        await tenure.epoch()
        table.decision = Fenced()
        asked = asyncio.create_task(journal.begin(tenure, ONE, KEYED, 7))
        await asyncio.sleep(0)
        journal.leave(tenure)
        with capture_logs() as logs:
            assert await asked == Fenced()
        assert (logs, tenure.fenced_at) == ([], None)

    play(story)


def test_what_is_asked_together_is_written_together_and_no_effect_twice_at_a_time() -> None:
    """Each answer is that of its own entry."""

    async def story(journal: Journal, table: Table, _: list[None]) -> None:
        tenure = journal.enter("t/0")
        await tenure.epoch()
        answers: tuple[object, ...] = await asyncio.gather(
            journal.begin(tenure, ONE, KEYED, 1),
            journal.settle(tenure, TWO, done(TWO)),
            journal.settle(tenure, TWO, lambda epoch: Settle(TWO, epoch, State.FAILED, code=ErrorCode.BUG)),
            journal.begin(tenure, Key("b", "c"), KEYED, 2),
            journal.settle(tenure, TWO, lambda epoch: Settle(TWO, epoch, State.CLAIMED)),
        )
        assert list(answers) == [Go(1, 0.0), True, True, Go(1, 0.0), True]
        sizes = [(len(begins), [one.state for one in settles]) for begins, settles in table.writes]
        assert sizes == [(2, [State.DONE]), (0, [State.FAILED]), (0, [State.CLAIMED])]

    play(story)


def test_what_is_asked_when_it_closes_is_cancelled() -> None:
    """And its assignments are over."""

    async def story(journal: Journal, table: Table, _: list[None]) -> None:
        table.enters.clear()
        tenure = journal.enter("t/0")
        asked = asyncio.create_task(journal.begin(tenure, ONE, KEYED, 7))
        await asyncio.sleep(0.1)
        await journal.close()
        assert await asked == Fenced()
        assert tenure.over

    play(story)
