"""Health: alive means that the loop turned; ready means that Kafka and PostgreSQL answer."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from services.runtime import health as module
from services.runtime.health import Health, serve
from services.runtime.settings import SettingsError


async def fine() -> None:
    """A check of something that answers."""


async def away() -> None:
    """A check of something that does not."""
    raise OSError("connection refused")


async def hangs() -> None:
    """A check that never ends."""
    await asyncio.Event().wait()


class Asker:
    """Asks the health server of a test."""

    def __init__(self, health: Health, base: str, session: aiohttp.ClientSession) -> None:
        self.health = health
        self.base = base
        self.session = session

    async def __call__(self, path: str) -> tuple[int, str]:
        """Status and body."""
        async with self.session.get(self.base + path) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def ask() -> AsyncIterator[Asker]:
    """A health server on a free port."""
    health = Health(stall_seconds=5.0)
    runner = await serve(health, "127.0.0.1", 0)
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        yield Asker(health, f"http://127.0.0.1:{port}", session)
    await runner.cleanup()


async def test_alive_while_the_loop_turns(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that has not turned for stall_seconds is not alive; one turn later it is."""
    assert (await ask("/livez"))[0] == 200
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 6.0)
    status, body = await ask("/livez")
    assert status == 503
    assert '"alive": false' in body
    ask.health.turned()
    assert (await ask("/livez"))[0] == 200


async def test_ready_when_every_check_answers(ask: Asker) -> None:
    """The body names what does not answer, and why."""
    ask.health.checks["kafka"] = fine
    assert await ask("/readyz") == (200, '{"ready": true, "faults": {}}')
    ask.health.checks["postgresql"] = away
    status, body = await ask("/readyz")
    assert status == 503
    assert body == '{"ready": false, "faults": {"postgresql": "OSError: connection refused"}}'


async def test_a_check_that_hangs_is_a_fault(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe is always answered."""
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.05)
    ask.health.checks["kafka"] = hangs
    status, body = await ask("/readyz")
    assert status == 503
    assert "TimeoutError" in body


async def test_a_stopping_service_is_not_ready_and_still_alive(ask: Asker) -> None:
    """Load balancers take it out while it drains; nobody kills it."""
    ask.health.leaving = True
    assert (await ask("/readyz"))[0] == 503
    assert (await ask("/livez"))[0] == 200


async def test_metrics_say_whether_it_is_ready_now(ask: Asker) -> None:
    """flows_ready is asked for at each scrape, not left from the last probe."""
    ask.health.checks["kafka"] = fine
    status, body = await ask("/metrics")
    assert status == 200
    assert "\nflows_ready 1.0" in body
    ask.health.checks["kafka"] = away
    assert "\nflows_ready 0.0" in (await ask("/metrics"))[1]


async def test_a_port_in_use_is_a_wrong_setting() -> None:
    """The text names the variable and the remedy."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"FLOWS_HEALTH_PORT={port}.*Choose another port"):
            await serve(Health(), "127.0.0.1", port)
