"""How PostgreSQL and Kafka are, at each await of their fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import asyncpg
from aiokafka.errors import CommitFailedError, KafkaTimeoutError, NotLeaderForPartitionError

from services.actions.connections.parts import OAuth2
from services.actions.connections.token_requests import Token
from services.actions.connections.token_store import TokenStore
from tests.simulate.scenario import KAFKA, POSTGRESQL, Scenario
from tests.support.world.faults import Faults
from tests.support.world.processes import Process, inside

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 15.0


class Moods(Faults):
    """Each waits a little, in any case: so that others come in between."""

    def __init__(self, scenario: Scenario, begun: float, tell: Callable[[str], object]) -> None:
        self._chance = Random(f"{scenario.seed}/moods")
        self._begun = begun
        self._tell = tell
        self._postgresql = [one for one in scenario.troubles if one.what in POSTGRESQL]
        self._kafka = [one for one in scenario.troubles if one.what in KAFKA]

    async def before(self, what: str) -> None:
        """Nothing was done yet."""
        part = what.partition(".")[0]
        now, chance = asyncio.get_running_loop().time() - self._begun, self._chance
        if part == "kafka":
            if what != "kafka.getmany":
                await self._before_kafka(what, now)
        else:
            for trouble in self._postgresql:
                if trouble.on(now) and trouble.where in ("", part):
                    await self._before_postgresql(trouble.what, trouble.part, what)
            await asyncio.sleep(chance.random() * 0.002)

    async def after(self, what: str) -> None:
        """It was done, and nobody was told."""
        part = what.partition(".")[0]
        now, chance = asyncio.get_running_loop().time() - self._begun, self._chance
        for trouble in self._kafka if part == "kafka" else self._postgresql:
            if trouble.on(now) and trouble.where in ("", part) and chance.random() < trouble.part:
                if trouble.what == "pg fails after":
                    self._tell(f"{inside()} {what}: done, and the connection broke")
                    raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
                if trouble.what == "kafka fails after" and what == "kafka.send":
                    self._tell(f"{inside()} {what}: done, and not acknowledged")
                    raise NotLeaderForPartitionError
        await asyncio.sleep(chance.random() * 0.002 if part != "kafka" else 0)

    async def _before_postgresql(self, mood: str, part: float, what: str) -> None:
        chance = self._chance
        match mood:
            case "pg away":
                await asyncio.sleep(chance.choice((0.0, 0.0, CONNECT_SECONDS)))
                raise ConnectionRefusedError("PostgreSQL is away")
            case "pg slow":
                await asyncio.sleep(chance.uniform(0.1, 3.0))
            case "pg fails before" if chance.random() < part:
                self._tell(f"{inside()} {what}: not done")
                raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
            case "pg times out" if chance.random() < part:
                await asyncio.sleep(STATEMENT_SECONDS)
                raise TimeoutError

    async def _before_kafka(self, what: str, now: float) -> None:
        chance = self._chance
        for trouble in self._kafka:
            if not trouble.on(now):
                continue
            if trouble.what == "kafka away":
                await asyncio.sleep(min(1.0, trouble.at + trouble.seconds - now))
                raise KafkaTimeoutError
            if trouble.what == "kafka takes no commits" and what == "kafka.commit":
                raise CommitFailedError
            if trouble.what == "kafka fails before" and what == "kafka.send" and chance.random() < trouble.part:
                raise NotLeaderForPartitionError


class FakeTokens(TokenStore):
    """The row of a token, in memory: who holds it and dies lets it go."""

    def __init__(self, oauth2: OAuth2, faults: Faults) -> None:
        self._oauth2 = oauth2
        self._faults = faults
        self._token: Token | None = None
        self._holder: Process | None = None

    @asynccontextmanager
    async def held(self) -> AsyncIterator[tuple[Token | None, Any]]:
        """The token that is there, with its row held."""
        await self._faults.before("tokens.held")
        while self._holder is not None and not self._holder.dead:
            await asyncio.sleep(0.01)
        self._holder = mine = inside()
        try:
            kept: list[Token] = []
            yield self._token, kept
            await self._faults.before("tokens.keep")
            self._token = kept[-1] if kept else self._token
            await self._faults.after("tokens.keep")
        finally:
            if self._holder is mine:
                self._holder = None

    async def keep(self, connection: Any, token: Token) -> None:
        """For the others, when the block ends."""
        connection.append(token)
