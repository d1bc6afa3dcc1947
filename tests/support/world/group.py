"""The coordinator of a consumer group in memory: who has which partition, and who is thrown out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random

from aiokafka import TopicPartition

from tests.support.world.kafka import FakeConsumer
from tests.support.world.processes import Process, outside

SESSION_SECONDS = 10.0
"""As services/runtime/kafka/consumers.py sets it; so the next one."""
REBALANCE_SECONDS = 60.0
TICK_SECONDS = 0.1


class Group:
    """A rebalance is as aiokafka's: all give up all they have, then each is told what it has now.

    Who is silent for SESSION_SECONDS is thrown out without a word, as is who takes over REBALANCE_SECONDS to give up.
    """

    def __init__(
        self, places: Sequence[TopicPartition], chance: Random, tell: Callable[[str], object] = lambda _: None
    ) -> None:
        self._places = places
        self._chance = chance
        self._tell = tell
        self._members: dict[FakeConsumer, Process] = {}
        self._before: dict[TopicPartition, FakeConsumer] = {}
        self._wanted = asyncio.Event()
        self._busy = False
        self.rebalances = 0
        outside(self._run())

    @property
    def members(self) -> list[FakeConsumer]:
        """Who is in it, or is thought to be."""
        return list(self._members)

    def join(self, member: FakeConsumer, process: Process, instead_of: FakeConsumer | None = None) -> None:
        """It comes. With the instance id of another that is in the group still, it has what that one had, at once."""
        if instead_of in self._members and instead_of is not None and not self._busy:
            places = [place for place, one in self._before.items() if one is instead_of]
            del self._members[instead_of]
            instead_of.expelled = True
            self._members[member] = process
            self._before |= dict.fromkeys(places, member)
            self._tell(f"{process} takes its place in the group: {_numbers(places)}")
            process.begin(_told_at_once(member, places))
            return
        self._members[member] = process
        self._wanted.set()

    def expel(self, member: FakeConsumer) -> None:
        """It was silent for too long. It learns it by `learns`."""
        if member in self._members:
            self._tell(f"{self._members[member]} is thrown out of the group")
            member.expelled = True
            del self._members[member]
            self._wanted.set()

    async def learns(self, member: FakeConsumer, process: Process) -> None:
        """One that was thrown out finds out, gives up what it has, and joins again."""
        await _done(process.begin(member.give_up()), process)
        if not process.dead:
            self._tell(f"{process} joins the group again")
            member.expelled = False
            self.join(member, process)

    def leave(self, member: FakeConsumer) -> None:
        """It says that it goes."""
        if self._members.pop(member, None) is not None:
            self._wanted.set()

    def rebalance(self) -> None:
        """For a reason of its own."""
        self._wanted.set()

    async def silent(self, member: FakeConsumer) -> None:
        """It says nothing any more from now on."""
        await asyncio.sleep(SESSION_SECONDS)
        self.expel(member)

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._busy = True
            self.rebalances += 1
            try:
                await self._rebalance()
            finally:
                self._busy = False

    async def _rebalance(self) -> None:
        giving = {one: process.begin(one.give_up()) for one, process in self._members.items()}
        until = asyncio.get_running_loop().time() + REBALANCE_SECONDS
        while any(one in self._members and not task.done() for one, task in giving.items()):
            await asyncio.sleep(TICK_SECONDS)
            if asyncio.get_running_loop().time() > until:
                for one, task in giving.items():
                    if not task.done() and one in self._members:
                        process = self._members[one]
                        self.expel(one)
                        outside(self._returns(one, process, task))
        for one, task in giving.items():
            if task.done() and not task.cancelled() and task.exception() is not None and one in self._members:
                raise RuntimeError("a member could not give up its partitions") from task.exception()
        self._wanted.clear()  # whoever came meanwhile is in this round
        members = list(self._members)
        self._before = self._shared(members)
        for one in members:
            mine = [place for place, owner in self._before.items() if owner is one]
            self._tell(f"{self._members[one]} has {_numbers(mine)}")
            self._members[one].begin(_told_at_once(one, mine))

    async def _returns(self, member: FakeConsumer, process: Process, giving: asyncio.Task[None]) -> None:
        await _done(giving, process)
        if not process.dead:
            member.expelled = False
            self.join(member, process)

    def _shared(self, members: Sequence[FakeConsumer]) -> dict[TopicPartition, FakeConsumer]:
        """As many for each. Now and then nobody keeps what it had."""
        if not members:
            return {}
        order = list(members)
        if self._chance.random() < 0.5:
            self._chance.shuffle(order)
        return {place: order[number % len(order)] for number, place in enumerate(self._places)}


async def _told_at_once(member: FakeConsumer, places: Sequence[TopicPartition]) -> None:
    await member.listens()
    await member.take_over(places)


async def _done(task: asyncio.Task[None], process: Process) -> None:
    while not task.done() and not process.dead:
        await asyncio.sleep(TICK_SECONDS)


def _numbers(places: Sequence[TopicPartition]) -> list[int]:
    return [place.partition for place in places]
