"""The destinations and the token endpoint: what they were asked for, what they did, and what they said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import urlsplit

import orjson

from contracts.errors import ErrorCode
from services.runtime.http import CallError, Client, HttpAnswer, Sent
from tests.simulate.scenario import SECURE, Scenario, Trouble
from tests.support.world.processes import Process, inside, outside

TOKEN_PATH = "/token"
CHECK = re.compile(r"/check/(\d+)$")
LATER_SECONDS = (20.0, 90.0)
BEARS_A_SECOND = 4
LATE_SECONDS = (0.1, 12.0)
"""With the shortest settings a call, and the time in which it may still arrive, take 15 s."""
REFUSED = 0
CUT = -1
NO_ANSWER = -2
YOUNG_SECONDS = 2.0
EARLY_SECONDS = 5.0


@dataclass(slots=True, eq=False)
class Ask:
    """One request of one call. `number`: the call's; `check`: it asks whether that happened."""

    at: float
    number: int
    lane: tuple[str, str]
    path: str
    connection: str
    process: Process
    check: bool
    key: str | None
    token: str | None
    answered_at: float | None = None
    status: int = NO_ANSWER
    retry_after: float | None = None
    acted_at: float | None = None
    in_time: bool = True  # whoever asked was still there, and waited, when it acted

    @property
    def doubtful(self) -> bool:
        """Whether whoever asked cannot know whether it had its effect."""
        return self.status in (CUT, NO_ANSWER) or (self.status >= 500 and self.status != 503)

    def __str__(self) -> str:
        what = "checked" if self.check else "asked"
        return f"{self.number} {what} {self.connection}{self.path}"


@dataclass(slots=True)
class _Says:
    """What comes of a request. `arrives`, `answers`: after so long; `late`: acts so long after; `status` as in Ask."""

    status: int = 200
    arrives: float = 0.001
    answers: float = 0.005
    acts: bool = True
    late: float = 0.0
    retry_after: float | None = None


class Api(Client):
    """All hosts there are. `begun`: the moment from which a scenario's times count."""

    def __init__(self, scenario: Scenario, begun: float, tell: Callable[[str], object]) -> None:
        self._chance = Random(f"{scenario.seed}/api")
        self._begun = begun
        self._tell = tell
        self._honours = scenario.honours
        self._wrong = {one.number for one in scenario.puts if one.wrong}
        self._lanes = {one.number: one.lane for one in scenario.puts}
        self._troubles: dict[str, list[Trouble]] = {}
        for one in scenario.troubles:
            self._troubles.setdefault(one.where, []).append(one)
        self._keys: dict[tuple[str, str], float] = {}
        self._seconds: dict[tuple[str, int], int] = {}
        self._issued: list[float] = []
        self.asked: list[Ask] = []
        self.tokens_asked: list[float] = []
        self.at_work = 0  # requests that came, and can have an effect still, whoever waits for them

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        seconds: float,
        any_port: bool = True,
        unpack: bool = False,
    ) -> HttpAnswer:
        """As the real one."""
        del any_port, unpack, method
        parts = urlsplit(url)
        connection = (parts.hostname or "").partition(".")[0]
        process = inside()
        assert process is not None
        if parts.path == TOKEN_PATH:
            return await self._token(seconds)
        check = CHECK.search(parts.path)
        number = int(check[1]) if check else orjson.loads(content or b"{}")["n"]
        ask = Ask(
            asyncio.get_running_loop().time(),
            number,
            self._lanes[number],
            parts.path,
            connection,
            process,
            check is not None,
            headers.get("Idempotency-Key"),
            headers.get("Authorization"),
        )
        self.asked.append(ask)
        self._tell(f"{process} {ask}")
        return await self._answer(ask, self._says(ask), seconds)

    async def _answer(self, ask: Ask, says: _Says, seconds: float) -> HttpAnswer:
        loop = asyncio.get_running_loop()
        if says.status == REFUSED:
            await asyncio.sleep(says.answers)
            self._came(ask, REFUSED)
            raise CallError(ErrorCode.CALL_REFUSED, "no connection", Sent.NO)
        future: asyncio.Future[tuple[int, dict[str, str], Any]] = loop.create_future()
        serving = outside(self._serve(ask, says, future))
        try:
            async with asyncio.timeout(seconds):
                status, headers, body = await future
        except TimeoutError:
            ask.in_time = ask.acted_at is not None
            self._came(ask, NO_ANSWER)
            raise CallError(ErrorCode.CALL_TIMED_OUT, "no answer", Sent.EFFECT_POSSIBLE) from None
        del serving
        self._came(ask, status)
        if status == CUT:
            raise CallError(ErrorCode.CALL_INTERRUPTED, "cut", Sent.EFFECT_POSSIBLE)
        return HttpAnswer(status, headers, orjson.dumps(body))

    async def _serve(self, ask: Ask, says: _Says, future: asyncio.Future[Any]) -> None:
        """The destination's side: it goes on when whoever asked is dead."""
        self.at_work += 1
        try:
            await self._served(ask, says, future)
        finally:
            self.at_work -= 1

    async def _served(self, ask: Ask, says: _Says, future: asyncio.Future[Any]) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(says.arrives)
        body: Any = None
        status = says.status
        if ask.check and status == 200:
            happened = any(one.acted_at is not None for one in self.asked if one.number == ask.number)
            status = 200 if happened else 404
        elif says.acts and not ask.check and self._is_new(ask, loop.time()):
            await asyncio.sleep(says.late)
            self._act(ask, loop.time(), waited=not future.done())
        await asyncio.sleep(says.answers)
        if says.status == NO_ANSWER or future.done():
            return
        # Of an answer that is cut nobody reads a header.
        later = says.retry_after if says.status != CUT else None
        headers = {} if later is None else {"retry-after": f"{later:.0f}"}
        ask.retry_after = None if later is None else float(headers["retry-after"])
        future.set_result((status, headers, body))

    def _is_new(self, ask: Ask, now: float) -> bool:
        """Whether it is no repetition that the destination recognises."""
        known = self._honours.get(ask.connection)
        if known is not None and ask.key is not None:
            since = self._keys.get((ask.connection, ask.key))
            if since is not None and now - since < known:
                self._tell(f"{ask.number} is known to {ask.connection}")
                return False
            self._keys[ask.connection, ask.key] = now
        return True

    def _act(self, ask: Ask, now: float, *, waited: bool) -> None:
        ask.acted_at = now
        ask.in_time = waited and not ask.process.dead
        self._tell(f"{ask.number} has its effect at {ask.connection}")

    def _came(self, ask: Ask, status: int) -> None:
        ask.status = status
        ask.answered_at = asyncio.get_running_loop().time()
        later = "" if ask.retry_after is None else f", again after {ask.retry_after:.0f} s"
        words = {REFUSED: "refused", CUT: "cut", NO_ANSWER: "no answer"}
        self._tell(f"{ask.process} {ask}: {words.get(status, status)}{later}")

    def _says(self, ask: Ask) -> _Says:
        chance, now = self._chance, ask.at - self._begun
        says = _Says(arrives=chance.random() * 0.01, answers=chance.random() * 0.05)
        if ask.connection == SECURE and (status := self._token_taken(ask, now)):
            return _Says(status, says.arrives, says.answers, acts=False)
        if ask.number in self._wrong and not ask.check:
            says.status, says.acts = 422, False
        for trouble in self._troubles.get(ask.connection, ()):
            if trouble.on(now) and (not trouble.only or ask.path in trouble.only or ask.lane[0] in trouble.only):
                self._spoil(trouble, says, ask)
        return says

    def _spoil(self, trouble: Trouble, says: _Says, ask: Ask) -> None:
        chance = self._chance
        what = trouble.what.removeprefix("lanes ").removeprefix("step ")
        if what == "flaky":
            what = "500" if chance.random() < trouble.part else ""
        match what:
            case "refused":
                says.status, says.answers = REFUSED, chance.choice((0.001, 1.0))
            case "hangs":
                says.status, says.acts = NO_ANSWER, chance.random() < 0.5
                says.arrives = chance.choice((says.arrives, says.arrives, 9.0))
            case "cut" | "500":
                says.status, says.acts = (CUT, chance.random() < 0.5) if what == "cut" else (500, chance.random() < 0.2)
            case "503" | "429" | "401" | "403" | "404":
                says.status, says.acts = int(what), False
            case "503 later" | "429 later":
                says.status, says.acts = int(what[:3]), False
                says.retry_after = chance.uniform(*LATER_SECONDS)
            case "acts late" if not ask.check:
                says.status, says.late = NO_ANSWER, chance.uniform(*LATE_SECONDS)
            case "slow":
                says.answers = chance.uniform(0.5, 3.0)
            case "bears few":
                second = (ask.connection, int(ask.at))
                self._seconds[second] = self._seconds.get(second, 0) + 1
                if self._seconds[second] > BEARS_A_SECOND:
                    says.status, says.acts = 503, False

    def _token_taken(self, ask: Ask, now: float) -> int:
        """0: its token is good. Else what is said."""
        token = (ask.token or "").removeprefix("Bearer t")
        if not token:
            return 401
        issued = self._issued[int(token)] - self._begun
        for trouble in self._troubles.get(SECURE, ()):
            if trouble.what == "token revoked" and issued < trouble.at <= now:
                return 401
            if trouble.on(now) or trouble.on(issued):
                if trouble.what == "token too young" and now - issued < YOUNG_SECONDS:
                    return 401
                if trouble.what == "token ends early" and now - issued > EARLY_SECONDS:
                    return 403
        return 0

    async def _token(self, seconds: float) -> HttpAnswer:
        loop = asyncio.get_running_loop()
        self.tokens_asked.append(loop.time())
        now = loop.time() - self._begun
        self._tell(f"{inside()} asks for a token")
        await asyncio.sleep(self._chance.random() * 0.05)
        for trouble in self._troubles.get(SECURE, ()):
            if trouble.on(now):
                if trouble.what == "token away":
                    raise CallError(ErrorCode.CALL_REFUSED, "no connection", Sent.NO)
                if trouble.what == "token 500":
                    return HttpAnswer(500, {}, b"{}")
                if trouble.what == "token later":
                    return HttpAnswer(429, {"retry-after": "7"}, b"{}")
        del seconds
        self._issued.append(loop.time())
        token = {"access_token": f"t{len(self._issued) - 1}", "expires_in": 300, "token_type": "bearer"}
        return HttpAnswer(200, {}, orjson.dumps(token))
