"""What goes on beside the requests survives its own faults: schedules must not end with the first."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY

from services.ingest import service
from services.runtime import back_off


async def test_work_that_failed_begins_anew_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice it fails, the third time it does its work."""
    monkeypatch.setattr(back_off, "LONGEST_SECONDS", 0.0)
    done = asyncio.Event()
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun <= 2:
            raise LookupError("planted")
        done.set()

    before = REGISTRY.get_sample_value("flows_waits_total", {"part": "planted"}) or 0.0
    async with service._beside("planted", work), asyncio.timeout(5):
        await done.wait()
    assert REGISTRY.get_sample_value("flows_waits_total", {"part": "planted"}) == before + 2
