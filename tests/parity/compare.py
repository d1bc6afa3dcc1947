"""One scenario, played both ways."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from tests.parity.engine import play
from tests.parity.scenario import Played, Scenario, shown
from tests.parity.stack import stack
from tests.parity.told import differences


@dataclass(frozen=True, slots=True)
class Compared:
    """What was compared, and each flow that does one thing in one and another in the other, with all that it takes."""

    flows: int
    events: int
    requests: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        """`100 flows, 512 events, 380 requests`."""
        return f"{self.flows} flows, {self.events} events, {self.requests} requests"


async def compare(made: Scenario, bootstrap: str, database_url: str, prefix: str) -> Compared:
    """Play it on the real parts and by `flows test`. The database has all tables."""
    async with stack(bootstrap, database_url, prefix, made) as running:
        told = await asyncio.gather(*(running.play(one) for one in made.flows))
        both = [
            (one, real, play(made, one, running.connections[one.name]))
            for one, real in zip(made.flows, told, strict=True)
        ]
    wrong = [(one, tuple(differences(engine, real))) for one, real, engine in both]
    return Compared(
        len(told),
        sum(len(one.sent) for one in made.flows),
        sum(len(real.requests) for real in told),
        tuple(_wrong(one, found) for one, found in wrong if found),
    )


def _wrong(one: Played, found: tuple[str, ...]) -> str:
    sent = [f"{number}: {each.body}" for number, each in enumerate(one.sent, start=1)]
    return "\n".join((f"{one.name}:", *found, shown(one.source), *sent))
