"""The last guard of services/actions: whatever a record raises is its dead letter, and the worker goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.dead_letters import DeadLetter
from contracts.errors import ErrorCode
from contracts.runs import RunMessage
from contracts.topics import ACTIONS_DLQ, RUNS
from deploy.local.ports import free_port
from services.actions import service
from services.actions.attempt import ends, sending
from services.actions.attempt.attempts import Attempts
from services.actions.attempt.plan import Planner
from services.actions.connections import load as connections_of
from services.actions.journal.effects_table import EffectsTable
from services.actions.queue import intake
from services.actions.queue.parked_table import ParkedTable
from services.actions.queue.parking import Parking
from services.actions.settings import ActionsSettings
from services.runtime import lifecycle
from services.runtime.kafka.publishing import BatchPublisher
from services.runtime.settings import load
from tests.support.actions import kafka, request
from tests.support.closum import closum

CONTACT = {"method": "POST", "url": "/contacts", "json": {"phone": "+351912345678"}}
# Where, and what raises there. The subject of the record that it raises for is `bad-` and the place.
STAGES: dict[str, tuple[Any, str, Exception]] = {
    "outline": (intake, "outline", RuntimeError("planted")),
    "planning": (Planner, "_plan", RuntimeError("planted")),
    "taking": (Parking, "takes", KeyError("planted")),
    "attempt": (Attempts, "_send", OSError("planted")),
    "journal": (EffectsTable, "write", asyncpg.DataError("planted")),
    "settling": (sending, "settle", TypeError("planted")),
    "ending": (ends, "end", ValueError("planted")),
    "publishing": (BatchPublisher, "publish", RuntimeError("planted")),
    "parking": (ParkedTable, "add", asyncpg.DataError("planted")),
}


def planted(real: Callable[..., Any], stage: str, error: Exception) -> Callable[..., Any]:
    """The function, but for the record of its stage."""

    def instead(*given: Any, **more: Any) -> Any:
        shown = repr(given)
        if f"bad-{stage}" in shown and not (stage == "publishing" and "actions.dlq" in shown):
            raise error
        return real(*given, **more)

    return instead


async def test_each_record_that_raises_is_one_dead_letter(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every stage at once, among healthy ones in the same partition; then a further healthy one is called."""
    for stage, (where, name, error) in STAGES.items():
        monkeypatch.setattr(where, name, planted(getattr(where, name), stage, error))
    stop = asyncio.Event()
    monkeypatch.setattr(lifecycle, "stop_signal", lambda: stop)
    counted = REGISTRY.get_sample_value("flows_bugs_total", {"topic": "actions"}) or 0.0
    async with kafka(kafka_bootstrap, topic_prefix, partitions=1) as topics:
        with closum() as stand_in, capture_logs() as logs:
            stand_in.fault(path="/crm/parking", kind="status", status=503)
            (tmp_path / "token").write_text("any-token\n")
            (tmp_path / "connections.yaml").write_text(
                f"connections:\n  crm:\n    base_url: {stand_in.url}/crm\n"
                f"    authentication: {{ bearer: {{ file: {tmp_path / 'token'} }} }}\n"
            )
            settings = load(
                ActionsSettings,
                {
                    "KAFKA_BOOTSTRAP": kafka_bootstrap,
                    "DATABASE_URL": own_database,
                    "FLOWS_TOPIC_PREFIX": topic_prefix,
                    "FLOWS_CONNECTIONS_FILE": str(tmp_path / "connections.yaml"),
                    "FLOWS_EGRESS_ALLOW": "127.0.0.0/8",
                    "FLOWS_PARK_SECONDS": "0.01",
                    "FLOWS_HEALTH_PORT": str(free_port()),
                },
            )
            requests = []
            for number, stage in enumerate(STAGES):
                url = "/parking" if stage == "parking" else "/contacts"
                body = {"method": "POST", "url": url, "json": {"phone": "+351912345678", "n": number}}
                bad = request(number, f"bad-{stage}", effect_id=f"bad-{stage}", inputs=body)
                requests += [bad, request(100 + number, f"good-{number}", inputs=CONTACT)]
            work = asyncio.create_task(service.run(settings, connections_of(settings.connections_file)))
            try:
                await topics.put(requests)
                dead = await topics.take(ACTIONS_DLQ, lambda found: len(found) >= len(STAGES), seconds=40)
                await topics.put([request(999, "last", inputs=CONTACT)])
                runs = await topics.take(RUNS, partial(_has, "last"))
                assert not work.done()
            finally:
                stop.set()
                await asyncio.wait_for(work, 30)
    letters = [DeadLetter.from_headers(one.headers) for one in dead]
    assert sorted(one.effect_id or str(one.offset) for one in letters) == sorted(
        str(2 * number) if stage in ("outline", "planning", "taking", "parking") else f"bad-{stage}"
        for number, stage in enumerate(STAGES)
    )
    assert {one.code for one in letters} == {ErrorCode.BUG}
    assert {one.effect_id for one in letters if one.effect_possible} >= {"bad-settling", "bad-ending", "bad-publishing"}
    subjects = {RunMessage.read(one.value).run.event.subject for one in runs}
    assert subjects == {*(f"good-{number}" for number in range(len(STAGES))), "last"}
    broke = [one for one in logs if one["event"] in ("record.broke", "attempt.broke")]
    assert len(broke) >= len(STAGES)
    assert (REGISTRY.get_sample_value("flows_bugs_total", {"topic": "actions"}) or 0.0) >= counted + len(STAGES) - 1


def _has(subject: str, found: list[Any]) -> bool:
    return any(RunMessage.read(one.value).run.event.subject == subject for one in found)
