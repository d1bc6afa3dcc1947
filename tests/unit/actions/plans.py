"""Plans of requests as a worker reads them from `actions`."""

from __future__ import annotations

from typing import Any

from contracts.actions import ActionRequest
from contracts.topics import ACTIONS as TOPIC
from services.actions.attempt.plan import Plan, Planner
from services.actions.connections import Connection
from services.actions.registry import ACTIONS
from services.runtime.kafka import ConsumedRecord
from tests.support.actions import request

CONNECTIONS = {name: Connection(name, f"http://{name}.example") for name in ("crm", "other")}


def record(value: bytes | None, offset: int = 7, partition: int = 0, key: bytes = b"k") -> ConsumedRecord:
    """A record of `actions`."""
    return ConsumedRecord(TOPIC, "t.actions", partition, offset, key, value, [("h", b"1")])


def planned(one: ActionRequest | bytes, offset: int = 7, partition: int = 0) -> Plan:
    """What a worker makes of it."""
    value = one if isinstance(one, bytes) else one.to_bytes()
    return Planner(ACTIONS, CONNECTIONS).plan(record(value, offset, partition))


def plan(number: int = 1, *, offset: int = 7, **fields: Any) -> Plan:
    """That of `tests.support.actions.request`."""
    return planned(request(number, **fields), offset)
