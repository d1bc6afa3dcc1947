"""FlowsNotConsuming, asked of a real Prometheus that scrapes real services: silent while all is well, and only then."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.ports import free_port
from services.runtime.settings import RuntimeSettings
from tests.support import actions, batches
from tests.support.closum import closum
from tests.support.deployment import ROOT
from tests.support.tools_process import send, stack

ALERT = "FlowsNotConsuming"
WINDOW_SECONDS, FOR_SECONDS = 4, 2
"""What the rule's minutes are here, each."""

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not on the PATH"),
]


def shortened() -> str:
    """The rule as it is shipped, in seconds."""
    text = (ROOT / "deploy" / "prometheus" / "rules.yml").read_text()
    groups = yaml.safe_load(text)["groups"]
    (rule,) = [one for group in groups for one in group["rules"] if one["alert"] == ALERT]
    assert (rule["for"], re.findall(r"\[(\w+)\]", rule["expr"])) == ("1m", ["1m"])
    rule |= {"for": f"{FOR_SECONDS}s", "expr": rule["expr"].replace("[1m]", f"[{WINDOW_SECONDS}s]")}
    return yaml.safe_dump({"groups": [{"name": "shortened", "rules": [rule]}]})


@contextmanager
def prometheus(folder: Path, targets: dict[str, int]) -> Iterator[str]:
    """Its address, while it scrapes each job's port once a second."""
    (folder / "rules.yml").write_text(shortened())
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]} for job, port in targets.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


async def ask(address: str, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers; nothing while it starts."""
    url = f"{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"

    def get() -> list[dict[str, Any]]:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - http, ours
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found
        return []

    return await asyncio.to_thread(get)


async def until(address: str, query: str, seconds: float = 30) -> None:
    """Until it answers something."""
    async with asyncio.timeout(seconds):
        while not await ask(address, query):  # noqa: ASYNC110 - Prometheus tells nobody
            await asyncio.sleep(0.3)


@asynccontextmanager
async def load(settings: RuntimeSettings, source: str) -> AsyncIterator[None]:
    """Events, some each tenth of a second."""

    async def produce() -> None:
        for number in count():
            await send(settings, [batches.event(10 * number + one, source=source) for one in range(10)])
            await asyncio.sleep(0.1)

    producing = asyncio.create_task(produce())
    try:
        yield
    finally:
        producing.cancel()


async def test_it_is_silent_under_load_and_fires_when_tools_stops_consuming(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Under load there is always lag at some moment. It fires by the lag, and when a process does not answer."""
    firing = f'ALERTS{{alertname="{ALERT}", alertstate="firing"}}'
    with closum() as stand_in:
        async with (
            stack(kafka_bootstrap, own_database, topic_prefix, tmp_path, batches.PHONE, partitions=2) as tools,
            actions.kafka(kafka_bootstrap, topic_prefix) as topics,
        ):
            with actions.worker(topics, tmp_path, stand_in.url, own_database) as worker:
                tools.start()
                worker.start()
                await tools.ready()
                await worker.says('"partitions.assigned"')
                targets = {
                    "tools": tools.settings.health_port or 0,
                    "actions": int(worker.environ["FLOWS_HEALTH_PORT"]),
                }
                with prometheus(tmp_path, targets) as address:
                    async with load(topics.settings, f"/hooks/{topic_prefix}"):
                        await until(address, 'flows_lag_records{topic="events"} > 0')
                        await until(address, f"count_over_time(up[1m]) > {WINDOW_SECONDS + FOR_SECONDS + 2}")
                        assert await ask(address, f"max_over_time({firing}[1m])") == []
                        assert tools.process is not None
                        tools.process.send_signal(signal.SIGSTOP)
                        await until(address, firing)
                        tools.process.send_signal(signal.SIGCONT)
