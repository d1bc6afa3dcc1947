"""What a seed stands for: data only, the same for each run of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from zlib import crc32

LOAD_SECONDS = (15.0, 60.0)
TROUBLE_SECONDS = (2.0, 60.0)
CALM = "calm"
"""Its destination is never ill: what goes there shows who waits for somebody else's trouble."""
SECURE = "secure"
"""Its calls need a token."""
CONNECTIONS = ("crm", "shop", SECURE, CALM)
ILL = ("refused", "hangs", "cut", "500", "503", "503 later", "429", "429 later", "401", "403", "slow", "bears few")
TOKENS = ("token away", "token 500", "token later", "token too young", "token revoked", "token ends early")
POSTGRESQL = ("pg away", "pg slow", "pg fails before", "pg fails after", "pg times out")
KAFKA = ("kafka away", "kafka fails before", "kafka fails after", "kafka takes no commits")
WORKERS = ("crash", "stands still", "thrown out", "rebalance", "restart", "clock steps")
CROWD = 150
TOGETHER = 0.3
TABLES = ("", "effects", "limits", "parked", "unknown")


@dataclass(frozen=True, slots=True)
class Kind:
    """A step of a flow: how its calls are made. `repeat`: as the step says, or `verify`."""

    flow: str
    step: str
    connection: str
    repeat: str
    attempts: int
    within_seconds: float
    schedule: tuple[float, ...] | None
    deadline_seconds: float | None
    goes_on: bool  # on_error: continue
    last: bool
    priority: str

    @property
    def path(self) -> str:
        """Where it calls."""
        return f"/{self.flow}/{self.step}"


@dataclass(frozen=True, slots=True)
class Put:
    """A record on `actions`. `kind` None: nobody can read it. `wrong`: its destination refuses it for good."""

    at: float
    number: int
    kind: Kind | None
    subject: str
    wrong: bool = False

    @property
    def lane(self) -> tuple[str, str]:
        """What must happen one after the other."""
        return (self.subject, "" if self.kind is None else self.kind.connection)


@dataclass(frozen=True, slots=True)
class Trouble:
    """`where`: a connection, a table, a worker's number. `part`: of the calls, or of a second until the first step."""

    what: str
    at: float
    seconds: float
    where: str = ""
    part: float = 1.0
    only: tuple[str, ...] = ()  # steps or subjects

    def on(self, now: float) -> bool:
        """Whether it is on at a moment."""
        return self.at <= now < self.at + self.seconds

    def __str__(self) -> str:
        only = f" {', '.join(self.only)}" if self.only else ""
        return f"{self.what} {self.where}{only} {self.at:.1f} to {self.at + self.seconds:.1f} s, {self.part:.2f}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """All of it. Times are seconds from the beginning."""

    seed: int
    workers: int
    partitions: int
    settings: dict[str, str]  # of the environment
    honours: dict[str, float]  # connection: how long its destination knows an Idempotency-Key
    paced: dict[str, float]  # connection: requests a second
    puts: tuple[Put, ...]
    troubles: tuple[Trouble, ...] = field(default=())

    def partition(self, subject: str) -> int:
        """Of a subject's records."""
        return crc32(subject.encode()) % self.partitions

    @property
    def quiet_from(self) -> float:
        """When the last trouble is over, and the last request is there."""
        return max([*(one.at + one.seconds for one in self.troubles), *(one.at for one in self.puts)])


def scenario(seed: int) -> Scenario:
    """That of a seed."""
    chance = Random(seed)
    workers = chance.choice((1, 2, 2, 3))
    load = chance.uniform(*LOAD_SECONDS)
    kinds = [_kind(chance, number) for number in range(chance.randint(3, 7))]
    kinds.append(_kind(chance, len(kinds), CALM))
    subjects = [f"+35191{number:04d}" for number in range(chance.choice((3, 8, 20, 40)))]
    count = chance.choice((40, 80, 160, 300))
    partitions, settings = chance.choice((1, 2, 4)), _settings(chance)
    made = Scenario(
        seed,
        workers,
        partitions,
        settings,
        {name: chance.choice((20.0, 60.0, 3_600.0)) for name in CONNECTIONS if chance.random() < 0.6},
        {name: chance.choice((5.0, 20.0)) for name in CONNECTIONS if name != CALM and chance.random() < 0.15},
        _puts(chance, kinds, subjects, count, load),
        tuple(
            sorted(
                [*_troubles(chance, kinds, subjects, workers, load), *_together(seed, workers, load)],
                key=lambda one: one.at,
            )
        ),
    )
    return replace(made, puts=_crowded(chance, made, kinds, subjects))


def _crowded(chance: Random, made: Scenario, kinds: list[Kind], subjects: list[str]) -> tuple[Put, ...]:
    """A flow that is held, as its deploy is bad, has many that wait for another."""
    bad = [one for one in made.troubles if one.what == "step 404"]
    if not bad or made.settings["FLOWS_DEAD_LETTER_RUN"] != "3":
        return made.puts
    ill = next(one for one in kinds if one.path in bad[0].only)
    more = (Put(chance.uniform(0, bad[0].seconds), 0, ill, chance.choice(subjects)) for _ in range(CROWD))
    puts = sorted([*made.puts, *more], key=lambda one: one.at)
    return tuple(replace(one, number=number) for number, one in enumerate(puts))


def _kind(chance: Random, number: int, connection: str | None = None) -> Kind:
    schedule = tuple(chance.choice((1.0, 8.0, 30.0)) for _ in range(4)) if chance.random() < 0.2 else None
    return Kind(
        flow=f"flow{chance.randint(1, 3)}",
        step=str(number),
        connection=connection or chance.choice(("crm", "crm", "crm", "shop", SECURE)),
        repeat=chance.choice(("never", "never", "keyed", "always", "verify", "by default")),
        attempts=5 if schedule is None else len(schedule) + 1,
        within_seconds=chance.choice((60.0, 600.0)) if schedule is None else 3_600.0,
        schedule=schedule,
        deadline_seconds=chance.choice((20.0, 60.0)) if chance.random() < 0.2 else None,
        goes_on=chance.random() < 0.2,
        last=chance.random() < 0.6,
        priority=chance.choice(("high", "normal", "normal", "low")),
    )


def _settings(chance: Random) -> dict[str, str]:
    return {
        "FLOWS_MAX_PENDING": chance.choice(("12", "50", "300", "5000")),
        "FLOWS_MAX_CONCURRENCY": chance.choice(("2", "10", "256")),
        "FLOWS_PARK_SECONDS": chance.choice(("0", "1", "5")),
        "FLOWS_MAX_PARKED": chance.choice(("15", "5000000", "5000000")),
        "FLOWS_READ_AHEAD_BYTES": chance.choice(("20000", "200000000")),
        "FLOWS_CALL_SECONDS": chance.choice(("5", "15")),
        "FLOWS_VERIFY_SECONDS": chance.choice(("10", "30")),
        "FLOWS_DEAD_LETTER_RUN": chance.choice(("3", "100")),
    }


def _puts(chance: Random, kinds: list[Kind], subjects: list[str], count: int, load: float) -> tuple[Put, ...]:
    at = sorted(chance.choice((chance.uniform(0, load), chance.uniform(0, load / 10))) for _ in range(count))
    made = []
    for number, moment in enumerate(at):
        kind = kinds[-1] if number % 5 == 4 else chance.choice(kinds)
        poison = chance.random() < 0.01
        wrong = chance.random() < 0.02
        made.append(Put(moment, number, None if poison else kind, chance.choice(subjects), wrong))
    return tuple(made)


def _troubles(chance: Random, kinds: list[Kind], subjects: list[str], workers: int, load: float) -> list[Trouble]:
    made: list[Trouble] = []
    for _ in range(chance.choice((1, 2, 2, 3, 3, 4, 5))):
        at, seconds = chance.uniform(0, load), chance.uniform(*TROUBLE_SECONDS)
        if made and chance.random() < 0.5:  # in the middle of another
            other = chance.choice(made)
            at = other.at + chance.random() * min(other.seconds, 20.0)
        match chance.choice(("connection", "connection", "some", "token", "pg", "kafka", "worker", "worker", "worker")):
            case "connection":
                where = chance.choice(("crm", "crm", "shop", SECURE))
                made.append(Trouble(chance.choice(ILL), at, seconds, where))
            case "some":
                made.append(_some(chance, kinds, subjects, at, seconds))
            case "token":
                made.append(Trouble(chance.choice(TOKENS), at, seconds, SECURE))
            case "pg":
                part = chance.choice((0.1, 0.5))
                made.append(Trouble(chance.choice(POSTGRESQL), at, min(seconds, 30.0), chance.choice(TABLES), part))
            case "kafka":
                made.append(Trouble(chance.choice(KAFKA), at, min(seconds, 30.0), "", chance.choice((0.1, 0.5))))
            case "worker":
                made.append(_worker(chance, workers, at, seconds))
    return made


def _together(seed: int, workers: int, load: float) -> list[Trouble]:
    """In some seeds, beside all others: what seldom meets by chance, and is worst when it does."""
    chance = Random(f"{seed}/together")
    if chance.random() > TOGETHER:
        return []
    at = chance.uniform(0, load / 2)
    match chance.choice(("parking is cut off", "parking is slow", "ill and flaky", "acts late")):
        case "parking is cut off":
            whose, steps = str(chance.randrange(workers)), chance.randint(1, 100)
            dies = Trouble("crash", at + chance.uniform(2, 8), 1.0, whose, steps)
            return [Trouble("503 later", at, 30.0, "crm"), Trouble("pg away", at + 1, 10.0, "parked"), dies]
        case "parking is slow":
            return [Trouble("429 later", at, 60.0, "crm"), Trouble("pg slow", at, 60.0, "parked")]
        case "ill and flaky":
            ill = Trouble(chance.choice(("refused", "hangs", "500")), at + 5, 60.0, "crm")
            return [Trouble("flaky", 0.0, load + 120, "crm", 0.4), ill]
        case _:  # it takes calls, answers none of them, acts on each in its own time, and answers what it is asked
            return [Trouble("acts late", at, 60.0, "crm")]


def _some(chance: Random, kinds: list[Kind], subjects: list[str], at: float, seconds: float) -> Trouble:
    if chance.random() < 0.5:
        ill = chance.choice([one for one in kinds if one.connection != CALM])
        what = chance.choice(("step 403", "step 404", "step 500"))
        if what == "step 404":  # by its deploy: from the first call on, until there is another
            at, seconds = 0.0, at + seconds
        return Trouble(what, at, seconds, ill.connection, 1.0, (ill.path,))
    few = tuple(chance.sample(subjects, max(1, len(subjects) // 8)))
    seconds = chance.choice((seconds, seconds, 300.0))
    return Trouble(chance.choice(("lanes 500", "lanes cut", "lanes 429 later")), at, seconds, "crm", 1.0, few)


def _worker(chance: Random, workers: int, at: float, seconds: float) -> Trouble:
    what = chance.choice((*WORKERS, "crash", "crash"))
    where = str(chance.randrange(workers))
    if what == "clock steps":
        return Trouble(what, at, 0.0, where, chance.choice((-3600.0, -30.0, 30.0, 3600.0)))
    if what == "crash":  # it comes back after so long
        return Trouble(what, at, chance.choice((0.5, 3.0, 15.0)), where, chance.randint(1, 400))
    if what == "rebalance":
        return Trouble(what, at, 0.0)
    return Trouble(what, at, min(seconds, 25.0), where)
