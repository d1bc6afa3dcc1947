"""Requests that are put on Kafka at a fixed rate, and how long each took from then on."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence

from contracts.actions import ActionRequest
from contracts.topics import ACTIONS
from tests.support.actions import Kafka


async def put(topics: Kafka, requests: Sequence[ActionRequest], rate: float) -> list[float]:
    """Put one after the other; the moment when each was due: a late sender makes no latency look better."""
    packed = [(one.key, one.to_bytes()) for one in requests]
    begun, moments = time.monotonic(), []
    sent = []
    for number, (key, value) in enumerate(packed):
        due = begun + number / rate
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        moments.append(due)
        sent.append(await topics.producer.send(ACTIONS, key, value))
    await asyncio.gather(*sent)
    return moments


def percentile(seconds: Sequence[float], percent: int) -> float:
    """Such as the 99th. Of two values or more."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]
