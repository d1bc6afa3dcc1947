"""What one seed does: which load, and which troubles when. All of it is drawn before anything starts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

SERVICES = ("ingest-0", "ingest-1", "tools-0", "tools-1", "actions-0", "actions-1")
CONNECTIONS = ("crm", "books", "sms", "mail")
"""Those that may be ill. `steady` never is."""
TOPICS = ("events", "runs", "actions")
KAFKA, POSTGRES = "kafka", "postgres"


class Kind(StrEnum):
    """What may be done to a part."""

    KILL = "kill"  # SIGKILL, and started again after so many seconds
    PAUSE = "pause"  # SIGSTOP, SIGCONT after so many seconds
    STOP = "stop"  # SIGTERM, and started again
    READ_ONLY = "read_only"  # PostgreSQL, as after a failover to a standby
    CUT = "cut"  # the network: connections are reset, new ones refused
    DELAY = "delay"  # each packet comes later
    HALF_OPEN = "half_open"  # nothing arrives any more, and nobody is told
    STORM = "storm"  # further workers come and go
    POISON = "poison"  # on every topic
    UNREADABLE = "unreadable"  # a batch on each topic, in a codec that nobody knows
    DEPLOY = "deploy"  # another version of every flow
    GROW = "grow"  # a topic gets more partitions
    ILL = "ill"  # a destination


class Illness(StrEnum):
    """How a destination is ill."""

    BUSY = "503"
    LIMITED = "429"
    REFUSED = "401"
    HANGS = "hang"
    CUT_BEFORE = "cut_before"
    CUT_AFTER = "cut_after"


@dataclass(frozen=True, slots=True)
class Trouble:
    """`at` seconds after the load began, for so many seconds. `how` is an `Illness`, or how much."""

    at: float
    kind: Kind
    target: str
    seconds: float = 0.0
    how: str = ""

    def __str__(self) -> str:
        """`12.3 s kill actions-0, 1.5 s`."""
        lasting = f", {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.at:5.1f} s {self.kind} {self.target}{' ' + self.how if self.how else ''}{lasting}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One seed's."""

    seed: int
    events: int
    contacts: int
    seconds: float
    """So long the load lasts where nothing holds it up."""
    troubles: tuple[Trouble, ...]


_SERVICE = (Kind.KILL, Kind.PAUSE, Kind.STOP)
_SERVER = {KAFKA: _SERVICE, POSTGRES: (*_SERVICE, Kind.READ_ONLY)}
_NETWORK = (Kind.CUT, Kind.DELAY, Kind.HALF_OPEN)
_ONCE = (Kind.STORM, Kind.POISON, Kind.DEPLOY, Kind.GROW)
GROWING = 0.3
UNREADABLE_SECONDS = 3.0
"""So long a batch cannot be read: whoever reads it then tells of it, and passes it."""
LONGEST_PAUSE = 12.0
"""Beyond a session of ten seconds, below what makes `verify` unsafe (docs/delivery.md)."""


def whole(seed: int) -> Plan:
    """A minute to a minute and a half: every kind of trouble, many at the same time."""
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    seconds = 40.0
    drawn: list[Trouble] = []
    for service in SERVICES:
        drawn += [_process(chance, service, seconds) for _ in range(chance.choice((1, 1, 2)))]
    for server, kinds in _SERVER.items():
        for kind in chance.sample(kinds, 2):
            drawn.append(Trouble(chance.uniform(3, seconds - 6), kind, server, chance.uniform(1, 8)))
    links = [KAFKA, *SERVICES, *CONNECTIONS]
    for kind in (*_NETWORK, chance.choice(_NETWORK)):
        drawn.append(Trouble(chance.uniform(2, seconds - 6), kind, f"net {chance.choice(links)}", chance.uniform(2, 8)))
    together = chance.uniform(5, seconds - 15)
    for connection in chance.sample(CONNECTIONS, chance.randint(2, len(CONNECTIONS))):
        ill = chance.choice(tuple(Illness))
        drawn.append(Trouble(together + chance.uniform(0, 4), Kind.ILL, connection, chance.uniform(4, 10), ill))
    # While a topic grows no order is promised: most seeds go without.
    for kind in _ONCE if chance.random() < GROWING else _ONCE[:-1]:
        drawn.append(_once(chance, kind, chance.uniform(4, seconds - 8)))
    drawn.append(Trouble(chance.uniform(4, seconds - 8), Kind.UNREADABLE, KAFKA, UNREADABLE_SECONDS))
    return Plan(seed, 3_000, 120, seconds, _apart(drawn))


def short(seed: int) -> Plan:
    """What the gate plays: each part is killed once, and everything else that is most likely to find something."""
    chance = random.Random(seed)  # noqa: S311 - moments, no secrets
    seconds = 12.0
    drawn = [
        Trouble(chance.uniform(1, 9), Kind.KILL, f"{service}-{chance.randint(0, 1)}", 0.1)
        for service in ("ingest", "tools", "actions", "actions")
    ]
    drawn += [
        Trouble(chance.uniform(2, 4), Kind.ILL, "crm", 3.0, Illness.BUSY),
        Trouble(chance.uniform(2, 4), Kind.ILL, "mail", 2.0, chance.choice((Illness.CUT_AFTER, Illness.HANGS))),
        Trouble(chance.uniform(3, 5), Kind.KILL, KAFKA, 0.5),
        Trouble(chance.uniform(5, 8), chance.choice((Kind.KILL, Kind.READ_ONLY)), POSTGRES, 1.0),
        Trouble(chance.uniform(2, 8), chance.choice((Kind.CUT, Kind.HALF_OPEN)), "net actions-1", 2.0),
        _once(chance, Kind.POISON, chance.uniform(1, 6)),
        _once(chance, Kind.DEPLOY, chance.uniform(1, 6)),
        Trouble(chance.uniform(6, 9), Kind.UNREADABLE, KAFKA, UNREADABLE_SECONDS),
    ]
    return Plan(seed, 1_500, 60, seconds, _apart(drawn))


def _process(chance: random.Random, service: str, seconds: float) -> Trouble:
    kind = chance.choice(_SERVICE)
    lasting = chance.uniform(2, LONGEST_PAUSE) if kind is Kind.PAUSE else chance.choice((0.1, 0.1, 3.0))
    return Trouble(chance.uniform(2, seconds - lasting), kind, service, lasting)


def _once(chance: random.Random, kind: Kind, at: float) -> Trouble:
    match kind:
        case Kind.STORM:
            return Trouble(at, kind, chance.choice(("tools", "actions")), 0.0, str(chance.randint(2, 4)))
        case Kind.GROW:
            return Trouble(at, kind, chance.choice(TOPICS), 0.0, str(chance.randint(8, 10)))
        case _:
            return Trouble(at, kind, "every topic" if kind is Kind.POISON else "every flow")


def _apart(drawn: Sequence[Trouble]) -> tuple[Trouble, ...]:
    """In their order; one part has one trouble at a time, a later one begins when the earlier has ended."""
    free: dict[str, float] = {}
    placed = []
    for one in sorted(drawn, key=lambda trouble: trouble.at):
        at = max(one.at, free.get(one.target, 0.0))
        placed.append(Trouble(at, one.kind, one.target, one.seconds, one.how))
        free[one.target] = at + one.seconds + 1.0
    return tuple(sorted(placed, key=lambda trouble: trouble.at))
