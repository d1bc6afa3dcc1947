"""Workers whose destination has limits, and what such a destination saw."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from contracts.actions import ActionRequest, Retry
from tests.support.actions import Kafka, Worker, request, worker
from tests.support.mixed_effects import folder

RETRY = Retry(attempts=50, within_seconds=600)


def workers(
    around: ExitStack, topics: Kafka, root: Path, url: str, database: str, *, count: int, limits: str = "{}"
) -> list[Worker]:
    """So many workers whose connection `crm` has these limits."""
    made = []
    for number in range(count):
        name = f"w{number}"
        own = {"FLOWS_INSTANCE_ID": name, "FLOWS_PARK_SECONDS": "60"}
        one = around.enter_context(worker(topics, folder(root, name), url, database, limits, **own))
        one.start()
        made.append(one)
    return made


def of_flow(number: int, flow: str, subject: str | None = None) -> ActionRequest:
    """A request of one flow."""
    one = request(number, subject or f"+3519100{number:06d}", retry=RETRY, last=True)
    return one.model_copy(update={"run": one.run.model_copy(update={"flow": flow})})


async def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Poll."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


def most_in_a_second(seen: list[tuple[float, dict[str, Any]]]) -> int:
    """The largest number of requests in any window of one second."""
    window: deque[float] = deque()
    most = 0
    for moment, _ in seen:
        window.append(moment)
        while window[0] <= moment - 1:
            window.popleft()
        most = max(most, len(window))
    return most
