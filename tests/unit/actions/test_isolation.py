"""Who waits for whom (docs/isolation.md): a worker over fakes, on made time, its destinations ill in each way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.actions import ActionRequest, Retry
from contracts.runs import Outcome
from services.actions.connections import Connection
from services.actions.connections.parts import ConnectionLimits, OAuth2
from services.actions.connections.token_credentials import TokenCredentials
from services.actions.connections.token_requests import Token
from services.actions.connections.token_store import TokenStore
from tests.support.actions import request
from tests.support.world import loop
from tests.support.world.destination import Asked, Destination, Says
from tests.support.world.worker import Simulation

DEFAULT = ActionRequest.model_fields["retry"].default
ILL_SECONDS = 120.0


def calls(count: int, *, lanes: int, connection: str = "crm", first: int = 0, step: str = "0") -> list[ActionRequest]:
    """So many calls of so many contacts, with the retry that a flow has by default."""
    return [
        request(
            first + number,
            f"+3519100{first + number % lanes:05d}",
            connection=connection,
            last=True,
            retry=DEFAULT,
            step=step,
            inputs={"method": "POST", "url": f"/{step}", "json": {"n": first + number}},
        )
        for number in range(count)
    ]


class Story:
    """A worker and its destinations. `ill` says what those of `crm` answer; None: they are well."""

    def __init__(self, ill: Callable[[Asked, float], Says | None], **settings: str) -> None:
        self.world = Simulation(destination=Destination(self._says), settings=settings)
        self.begun = self.world.world.now()
        self._ill = ill

    def _says(self, asked: Asked) -> Says:
        ill = self._ill(asked, asked.at - self.begun) if asked.url.startswith("http://crm") else None
        return ill or Says()

    def ended(self, first: int, count: int) -> int:
        """How many of these runs."""
        ends = self.world.outcomes()
        return sum(f"r{number}" in ends for number in range(first, first + count))


def while_ill(says: Says) -> Callable[[Asked, float], Says | None]:
    """All calls, for two minutes."""
    return lambda _, seconds: says if seconds < ILL_SECONDS else None


ILLNESSES = {
    "refused": Says(0),
    "cut": Says(-1, acts=False),
    "hangs": Says(seconds=1e6, acts=False),
    "500": Says(500),
    "503": Says(503),
    "503 later": Says(503, headers={"retry-after": "90"}),
    "429": Says(429),
    "401": Says(401),
    "403": Says(403),
}


@pytest.mark.parametrize("name", ILLNESSES)
@pytest.mark.parametrize("lanes", [4, 60])
def test_calls_wait_for_an_ill_connection_and_none_dies(name: str, lanes: int) -> None:
    """Refused, cut, hanging, 5xx, 503, 429, 401, 403, for longer than any retry: all are done soon after.

    Calls of another connection, in the same partitions, wait for nothing.
    """

    async def story() -> None:
        it = Story(while_ill(ILLNESSES[name]))
        one = await it.world.start()
        it.world.put(calls(60, lanes=lanes))
        for second in range(10):
            it.world.put(calls(20, lanes=20, connection="other", first=1_000 + second * 20))
            await asyncio.sleep(1.0)
            assert it.ended(1_000, (second + 1) * 20) == (second + 1) * 20, "healthy calls wait"
        await it.world.until(lambda: it.ended(0, 60) == 60, ILL_SECONDS + 80)
        await one.end()
        outcomes = Counter(it.world.outcomes().values())
        few = 4 if name == "403" and lanes == 4 else 0
        assert outcomes[Outcome.DEAD] <= few, outcomes
        assert len(it.world.limits.opened) == 0

    loop.run(story)


@pytest.mark.parametrize("attempts", [1, 5])
def test_a_call_that_the_destination_is_asked_about_waits_as_well(attempts: int) -> None:
    """It hung in an outage, and did not happen: that was no attempt of its own, and no time of its `within`."""
    check = {"repeat": "never", "verify": {"url": "/check"}}

    async def story() -> None:
        it = Story(while_ill(Says(seconds=1e6, acts=False)), FLOWS_VERIFY_SECONDS="30")
        well = it.world.destination.says
        it.world.destination.says = lambda asked: (
            Says(404) if asked.url.endswith("/check") and asked.at - it.begun > ILL_SECONDS else well(asked)
        )
        one = await it.world.start()
        made = [
            call.model_copy(
                update={"inputs": call.inputs | check, "retry": Retry(attempts=attempts, within_seconds=60)}
            )
            for call in calls(10, lanes=10)
        ]
        it.world.put(calls(40, lanes=40, first=100))
        await asyncio.sleep(20.0)  # it is known to be ill by now
        it.world.put(made)
        await it.world.until(lambda: it.ended(0, 10) == 10, ILL_SECONDS + 200)
        await one.end()
        outcomes = it.world.outcomes()
        assert {outcomes[f"r{number}"] for number in range(10)} == {Outcome.DELIVERED}

    loop.run(story)


def test_a_retry_after_beyond_within_is_waited_for_and_not_asked_before() -> None:
    """Also of one contact alone, whose calls may take a minute in all."""

    async def story() -> None:
        it = Story(lambda _, seconds: Says(429, headers={"retry-after": "300"}) if seconds < 299 else None)
        one = await it.world.start()
        it.world.put(calls(1, lanes=1))
        await it.world.until(lambda: it.ended(0, 1) == 1, 400)
        await one.end()
        assert list(it.world.outcomes().values()) == [Outcome.DELIVERED]
        first, second = (asked.at for asked in it.world.destination.asked)
        assert 300 <= second - first < 320

    loop.run(story)


def test_the_pace_that_a_destination_bears_is_found_and_none_dies() -> None:
    """It bears ten a second, and 400 come at once."""
    took: Counter[int] = Counter()

    def says(asked: Asked, _: float) -> Says | None:
        second = int(asked.at)
        took[second] += 1
        return Says(503) if took[second] > 10 else None

    async def story() -> None:
        it = Story(says)
        one = await it.world.start()
        it.world.put(calls(400, lanes=400))
        await it.world.until(lambda: it.ended(0, 400) == 400, 120)
        await one.end()
        assert set(it.world.outcomes().values()) == {Outcome.DELIVERED}
        assert len(it.world.destination.asked) < 1_600

    loop.run(story)


def test_contacts_whose_calls_always_fail_hold_up_only_themselves() -> None:
    """Twenty of them die by their attempts; a hundred others are called at once."""

    async def story() -> None:
        it = Story(lambda asked, _: Says(500) if asked.body["n"] < 20 else None)
        one = await it.world.start()
        it.world.put(calls(20, lanes=20))
        await asyncio.sleep(0.5)
        for second in range(20):
            it.world.put(calls(20, lanes=20, first=1_000 + second * 20))
            await asyncio.sleep(1.0)
            assert it.ended(1_000, (second + 1) * 20) == (second + 1) * 20
        await it.world.until(lambda: it.ended(0, 20) == 20, 120)
        await one.end()
        assert Counter(it.world.outcomes().values()) == {Outcome.DEAD: 20, Outcome.DELIVERED: 400}

    loop.run(story)


@pytest.mark.parametrize("seconds", [1, 4, 9, 14, 30, 60, 100])
def test_an_ill_connection_is_tried_with_the_one_that_did_not_fail_though_it_came_last(seconds: float) -> None:
    """Forty contacts fail and wait; a newcomer's call is the next one that is made, and ends the illness."""

    async def story() -> None:
        it = Story(lambda asked, _: Says(500) if asked.body["n"] < 40 else None)
        one = await it.world.start()
        it.world.put(calls(40, lanes=40))
        await it.world.until(lambda: "crm" in it.world.limits.opened, 60)
        await asyncio.sleep(seconds)
        asked = len(it.world.destination.asked)
        it.world.put(calls(1, lanes=1, first=100))
        await it.world.until(lambda: it.ended(100, 1) == 1, 120)
        assert it.world.destination.asked[asked].body["n"] == 100
        await one.crash()

    loop.run(story)


@pytest.mark.parametrize("status", [403, 405, 500])
def test_one_step_that_fails_for_all_holds_up_only_its_own_calls(status: int) -> None:
    """Another step's calls at the same connection go on; when its path is there, its own go on, and few have died."""

    async def story() -> None:
        it = Story(lambda asked, seconds: Says(status) if asked.url.endswith("/ill") and seconds < 60 else None)
        one = await it.world.start()
        for second in range(30):
            it.world.put(calls(5, lanes=5, first=2_000 + second * 5, step="well"))
            it.world.put(calls(2, lanes=2, first=second * 2, step="ill"))
            await asyncio.sleep(1.0)
            assert it.ended(2_000, (second + 1) * 5) == (second + 1) * 5
        await it.world.until(lambda: it.ended(0, 60) == 60, 200)
        await one.end()
        outcomes = Counter(it.world.outcomes().values())
        assert outcomes[Outcome.DEAD] <= 4, outcomes
        asked = [one for one in it.world.destination.asked if one.url.endswith("/ill") and one.at - it.begun < 60]
        assert len(asked) < 60

    loop.run(story)


def test_what_one_call_is_denied_is_its_own() -> None:
    """403 of a contact among successes is final soon: when it is tried again, and others are well meanwhile."""

    async def story() -> None:
        it = Story(lambda asked, _: Says(403) if asked.body["n"] == 50 else None)
        one = await it.world.start()
        for tenth in range(40):
            it.world.put(calls(10, lanes=10, first=1_000 + tenth * 10))
            if tenth == 10:
                it.world.put(calls(1, lanes=1, first=50))
            await asyncio.sleep(0.1)
        assert it.ended(50, 1) == 1
        await one.end()
        assert sum(asked.body["n"] == 50 for asked in it.world.destination.asked) <= 4
        assert it.world.outcomes()["r50"] is Outcome.DEAD

    loop.run(story)


def test_what_waits_for_an_ill_connection_leaves_memory_and_holds_no_partition() -> None:
    """Ten times what memory holds: offsets go on, healthy calls wait for nothing, and all is done in order at the end.

    The worker is killed in between, and again while it catches up.
    """
    count, lanes = 3_000, 700

    async def story() -> None:
        it = Story(lambda _, seconds: Says(0) if seconds < 100 else None, FLOWS_MAX_PENDING="300")
        one = await it.world.start()
        for second in range(60):
            it.world.put(_numbered(second * 50, 50, lanes))
            it.world.put(calls(5, lanes=5, connection="other", first=10_000 + second * 5))
            await asyncio.sleep(1.0)
            assert it.ended(10_000, (second + 1) * 5) == (second + 1) * 5, "healthy calls wait"
            if second == 40:
                await one.crash()
                one = await it.world.start()
        assert it.world.left() < 400
        assert len(it.world.parked.rows) > count - 400
        await it.world.until(lambda: it.ended(0, count) > 500, 120)
        await one.crash()
        one = await it.world.start()
        await it.world.until(lambda: it.ended(0, count) == count, 120)
        await one.end()
        assert it.world.parked.rows == {}
        assert it.world.left() == 0
        acted = [asked.body["n"] for asked in it.world.destination.acted if asked.url.startswith("http://crm")]
        for lane in range(lanes):
            mine = list(dict.fromkeys(number for number in acted if number % lanes == lane))
            assert mine == sorted(mine)

    loop.run(story)


SLOW = {"hangs": Says(seconds=1e6, acts=False), "takes 2 s": Says(seconds=2.0)}
PLACES = {"FLOWS_MAX_CONCURRENCY": "32", "FLOWS_CALL_SECONDS": "5"}


@pytest.mark.parametrize("connection", ["other", "crm"])
@pytest.mark.parametrize("name", SLOW)
def test_calls_that_take_long_leave_places_to_others(name: str, connection: str) -> None:
    """More of them than may be at work: a call beside them, also of the same connection, begins at once, always."""
    assert loop.run(lambda: _longest_wait_beside(SLOW[name], 4, connection, 1, seconds=12.0)) < 0.5


def test_a_step_that_fails_for_all_slows_no_other_down() -> None:
    """It is called three times as often as the other: what it says by failing is its own, once it is known."""
    assert loop.run(lambda: _longest_wait_beside(Says(500), 20, "crm", 6, seconds=5.0)) < 0.5


def test_what_waits_for_its_step_uses_up_nothing_of_what_its_connection_bears() -> None:
    """Hundreds of contacts whose step is ill are looked at again at each trial: one of them is called, and no other."""
    paced = Connection("crm", "http://crm.example", limits=ConnectionLimits(requests_per_second=40))
    took = _longest_wait_beside(Says(500), 2, "crm", 3, seconds=40.0, connections={"crm": paced})
    assert loop.run(lambda: took) < 1.5


async def _longest_wait_beside(
    says: Says,
    ill: int,
    connection: str,
    well: int,
    *,
    seconds: float,
    connections: dict[str, Connection] | None = None,
) -> float:
    """Of the well ones, each tenth of a second so many, beside so many ill calls of another flow's step."""
    it = Story(lambda asked, _: says if asked.url.endswith("/ill") else None, **PLACES)
    it.world.connections |= connections or {}
    one = await it.world.start()
    due: dict[int, float] = {}
    for tick in range(int(seconds * 10)):
        it.world.put(of_flow("ill", calls(ill, lanes=ill, first=50_000 + tick * ill, step="ill")))
        numbers = range(1_000 + tick * well, 1_000 + (tick + 1) * well)
        it.world.put(calls(well, lanes=well, connection=connection, first=numbers.start))
        due |= dict.fromkeys(numbers, it.world.world.now())
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    await one.crash()
    came = {asked.body["n"]: asked.at for asked in it.world.destination.asked}
    return max(came.get(number, 1e9) - moment for number, moment in due.items())


def of_flow(name: str, requests: list[ActionRequest]) -> list[ActionRequest]:
    """The same, asked for by another flow."""
    return [one.model_copy(update={"run": one.run.model_copy(update={"flow": name})}) for one in requests]


def test_what_waits_for_an_ill_connection_is_read_when_it_comes_back() -> None:
    """It is parked as it came, which takes a third of the time: what is wrong with a request is said then."""

    async def story() -> None:
        it = Story(lambda _, seconds: Says(0) if seconds < 60 else None)
        one = await it.world.start()
        it.world.put(calls(100, lanes=100))
        await it.world.until(lambda: bool(it.world.limits.opened), 30)
        await asyncio.sleep(2.0)
        wrong = [call.model_copy(update={"inputs": {}}) for call in calls(1, lanes=1, first=500)]
        it.world.put([*calls(200, lanes=200, first=1_000), *wrong])
        await asyncio.sleep(2.0)
        assert it.world.left() < 100
        assert it.ended(500, 1) == 0
        await it.world.until(lambda: it.ended(0, 1_200) == 301, 300)
        await one.end()
        assert Counter(it.world.outcomes().values()) == {Outcome.DELIVERED: 300, Outcome.DEAD: 1}

    loop.run(story)


def _numbered(first: int, count: int, lanes: int) -> list[ActionRequest]:
    """Calls of a contact each, by number."""
    return [
        one.model_copy(update={"run": one.run.model_copy(update={"key": f"c{number % lanes}"})})
        for number, one in enumerate(calls(count, lanes=count, first=first), first)
    ]


class Authority:
    """A token endpoint, and what the API behind it says of each token. `good(number, age)`: whether one is taken."""

    def __init__(self, good: Callable[[int, float], bool], *, says: int = 401, expires_in: float = 3600.0) -> None:
        self.good = good
        self.says = says
        self.expires_in = expires_in
        self.issued: list[float] = []

    def answer(self, asked: Asked, _: float) -> Says | None:
        """One request."""
        if asked.url.endswith("/token"):
            self.issued.append(asked.at)
            token = {"access_token": f"t{len(self.issued) - 1}", "expires_in": self.expires_in}
            return Says(201, token, acts=False)
        number = int(asked.headers["Authorization"].removeprefix("Bearer t"))
        return None if self.good(number, asked.at - self.issued[number]) else Says(self.says)


class NoStore(TokenStore):
    """PostgreSQL is away: each worker has tokens of its own."""

    @asynccontextmanager
    async def held(self) -> AsyncIterator[tuple[Token | None, Any]]:
        """None."""
        raise OSError("away")
        yield None, None


AUTHORITIES = {
    "good 2 s after its issue": Authority(lambda _, age: age > 2, expires_in=20),
    "expired, and 403 says so": Authority(lambda _, age: age < 15, says=403),
    "expired, and 401 says so": Authority(lambda _, age: age < 15),
    "revoked twice in 4 s": Authority(lambda number, age: number > 1 or age < 2),
}


@pytest.mark.parametrize("name", AUTHORITIES)
def test_credentials_are_the_connections(name: str) -> None:
    """A token that is good late, that ends early, that is revoked: of 500 calls in 50 seconds none is dead."""

    async def story() -> None:
        authority = AUTHORITIES[name]
        it = Story(authority.answer)
        oauth2 = OAuth2("http://crm.example/token", "me", "secret")
        store = NoStore("postgresql://none", oauth2)
        credentials = TokenCredentials(oauth2, it.world.destination, store, it.world.world)
        it.world.connections["crm"] = replace(it.world.connections["crm"], credentials=credentials)
        one = await it.world.start()
        for second in range(50):
            it.world.put(calls(10, lanes=10, first=second * 10))
            await asyncio.sleep(1.0)
        await it.world.until(lambda: it.ended(0, 500) == 500, 60)
        await one.end()
        assert set(it.world.outcomes().values()) == {Outcome.DELIVERED}
        assert len(authority.issued) <= 6

    loop.run(story)


@pytest.mark.parametrize(("name", "lanes"), [("refused", 4), ("refused", 600), ("503", 4), ("401", 60)])
def test_a_deadline_runs_while_a_connection_is_ill(name: str, lanes: int) -> None:
    """Whatever it waits for and behind: its run ends at its time, and no call of it is made after that.

    None of these illnesses may have acted: what may have is no call that was not made.
    """

    async def story() -> None:
        it = Story(while_ill(ILLNESSES[name]))
        one = await it.world.start()
        end = datetime.fromtimestamp(it.begun + 60, UTC)
        count = max(120, lanes)
        late = [call.model_copy(update={"deadline": end}) for call in calls(count, lanes=lanes)]
        it.world.put(
            [call for pair in zip(late, calls(count, lanes=lanes, first=10_000), strict=True) for call in pair]
        )
        await asyncio.sleep(57.0)
        assert it.ended(0, count) == 0
        await it.world.until(lambda: it.ended(0, count) == count, 15)
        outcomes = it.world.outcomes()
        assert {outcomes[f"r{number}"] for number in range(count)} == {Outcome.FILTERED}
        await it.world.until(lambda: it.ended(10_000, count) == count, ILL_SECONDS + 600)
        await one.end()
        made = [asked.at for asked in it.world.destination.asked if asked.body["n"] < count]
        assert max(made, default=0.0) < end.timestamp()
        assert Counter(it.world.outcomes().values()) == {Outcome.FILTERED: count, Outcome.DELIVERED: count}
        assert it.world.left() == 0

    loop.run(story)
