"""One seed from its first event to its verdict."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.chaos import judge, troubles
from tests.chaos.load import ACCEPTED, PROBES, Load
from tests.chaos.plan import SERVICES, Kind, Plan, Trouble
from tests.chaos.world import World, all_ready, world

HEALTHY_SECONDS = 30.0
WORKING_SECONDS = 60.0
CAUGHT_UP_SECONDS = 60.0
ENDS_SECONDS = 180.0
LOAD_SECONDS = 60.0
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a seed."""

    seconds: float
    faults: tuple[str, ...]
    notes: tuple[str, ...]


async def play(plan: Plan, folder: Path, say: Say) -> Verdict:
    """Play it in an empty folder, where logs stay. What does not hold is in the verdict, and raises nothing."""
    begun = time.monotonic()
    async with world(folder) as made:
        say(f"ready after {time.monotonic() - begun:.0f} s")
        try:
            faults = await _played(made, plan, say)
        except AssertionError as error:
            faults = [str(error)]
        for name in reversed(SERVICES):
            await made.services[name].stop()
        faults += made.faults()
    return Verdict(time.monotonic() - begun, tuple(faults), tuple(made.notes))


async def _played(made: World, plan: Plan, say: Say) -> list[str]:
    load, given_up = made.load, False
    began = time.monotonic()

    async def trouble(one: Trouble) -> None:
        await asyncio.sleep(max(0.0, began + one.at - time.monotonic()))
        say(str(one))
        async with locks.setdefault(one.target, asyncio.Lock()):
            await troubles.make(made, one)

    locks: dict[str, asyncio.Lock] = {}
    loading = asyncio.create_task(load.run(plan, lambda: given_up))
    try:
        async with asyncio.TaskGroup() as group:
            for one in plan.troubles:
                group.create_task(trouble(one))
        over = time.monotonic()
        say(f"{over - began:5.1f} s all troubles are over, {len(load.account.accepted):,} events accepted")
        await all_ready(made, HEALTHY_SECONDS)
        healthy = await _probed(made, load, over)
        made.notes.append(f"{healthy:.1f} s until every contact was called at the healthy destination")
        try:
            await asyncio.wait_for(asyncio.shield(loading), LOAD_SECONDS)
        except TimeoutError:
            given_up = True
            return [
                f"only {len(load.account.accepted):,} of {plan.events:,} were accepted: {dict(load.account.statuses)}"
            ]
    finally:
        given_up = True
        await asyncio.gather(loading, return_exceptions=True)
    return await _ended(made, plan, load, say, over)


async def _probed(made: World, load: Load, over: float) -> float:
    """Every contact is called at the healthy destination; in the end each process takes part. The seconds it took."""
    done = {name: await service.done(made.session) for name, service in made.services.items()}
    contacts = sorted({sent.contact for sent in load.account.accepted.values()})
    seconds, end = 0.0, time.monotonic() + WORKING_SECONDS
    for first in count(PROBES, len(contacts)):
        await _called(made, load, {contact: first + number for number, contact in enumerate(contacts)})
        seconds = seconds or time.monotonic() - over
        idle = [name for name, service in made.services.items() if await service.done(made.session) <= done[name]]
        if not idle:
            break
        assert time.monotonic() < end, f"{', '.join(idle)} did nothing while every contact had events"
    return seconds


async def _called(made: World, load: Load, numbers: dict[str, int]) -> None:
    seen = made.destinations["steady"].seen
    end = time.monotonic() + HEALTHY_SECONDS
    await asyncio.gather(
        *(load.send("ping", contact, number, lambda: time.monotonic() > end) for contact, number in numbers.items())
    )
    while missing := [contact for contact, number in numbers.items() if ("/pings", contact, number, None) not in seen]:
        assert time.monotonic() < end, (
            f"{len(missing)} of {len(numbers)} contacts were not called {HEALTHY_SECONDS:.0f} s after the last trouble"
        )
        await asyncio.sleep(0.05)
    if any(past.trouble.kind is Kind.DEPLOY for past in made.past):
        versions = Counter(seen["/pings", contact, number, None][0].version for contact, number in numbers.items())
        assert set(versions) == {troubles.VERSION}, f"after a deploy of version {troubles.VERSION}: {dict(versions)}"


async def _ended(made: World, plan: Plan, load: Load, say: Say, over: float) -> list[str]:
    account, ends = load.account, judge.Ends()
    missing = await ends.until(made, account, ENDS_SECONDS)
    say(f"{time.monotonic() - over:5.1f} s after them, {len(ends.found):,} ends")
    made.notes.append(f"{time.monotonic() - over:.1f} s until everything had its end")
    behind = await judge.caught_up(made, CAUGHT_UP_SECONDS)
    made.notes.append(f"{len(account.accepted):,} accepted, {dict(account.statuses)}")
    found = [*behind, *missing[: judge.MOST_SHOWN]]
    if len(missing) > judge.MOST_SHOWN:
        found.append(f"{len(missing)} ends are missing")
    if account.statuses[str(ACCEPTED)] < plan.events:
        found.append(f"{account.statuses[str(ACCEPTED)]} of {plan.events} were accepted")
    return [*found, *await judge.judged(made, account, ends)]
