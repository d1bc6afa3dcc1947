"""What came from a source, and the schema that takes it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

import orjson

from contracts.topics import EVENTS
from services.cli import installation, times, topic_records
from services.flows.set_aside import restored
from services.flows.widened_schema import FieldSeen, widened

MOST = 5000
"""The newest bodies, of which a schema is made."""
PARTS = ("headers", "query")


def learned(name: str, entry: Mapping[str, Any], since: str | None) -> tuple[int, dict[str, Any], list[FieldSeen]]:
    """How many bodies came from this source, its schema widened by them, and what came otherwise.

    Raises CommandError when Kafka does not answer.
    """
    kind = "poll" if "poll" in entry else "webhook"
    bodies = asyncio.run(_bodies(f"{kind}.{name}", since))
    parts = [part for part in PARTS if part in entry]
    sent = [restored({name: value for name, value in body.items() if name not in parts}) for body in bodies]
    schema, seen = widened(json.loads(json.dumps(entry["schema"])), sent)
    return len(sent), schema, seen


async def _bodies(trigger: str, since: str | None) -> list[dict[str, Any]]:
    found: deque[dict[str, Any]] = deque(maxlen=MOST)
    async for record in topic_records.read(installation.settings(), EVENTS, times.moment(since)):
        try:
            event = orjson.loads(record.value or b"")
        except orjson.JSONDecodeError:
            continue
        if isinstance(event, dict) and event.get("type") == trigger and isinstance(event.get("data"), dict):
            found.append(event["data"])
    return list(found)
