"""Requests of many contacts, of whom each tenth is ill, and whether each contact's came in order."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from contracts.actions import ActionRequest, Retry
from tests.support.actions import request


def subject(number: int) -> str:
    """A contact. Those that end with 0 are ill."""
    return f"+35191000{number:04d}"


def requests(subjects: int, each: int, first: int = 0) -> list[ActionRequest]:
    """So many of each contact, in rounds. They are tried for long."""
    retry = Retry(attempts=100, within_seconds=3600)
    return [
        request(first + number, subject(number % subjects), retry=retry, last=True) for number in range(subjects * each)
    ]


def failing(body: dict[str, Any]) -> tuple[int, float | None]:
    """503 for who is ill, for some with Retry-After."""
    if not body["phone"].endswith("0"):
        return 201, None
    return 503, 2.0 if body["n"] % 3 == 0 else None


def in_order(seen: list[tuple[float, dict[str, Any]]], ill_until: float) -> dict[str, int]:
    """How many requests of each contact were done. Raises AssertionError for one before its turn."""
    last: dict[str, int] = {}
    done: dict[str, int] = defaultdict(int)
    for moment, body in seen:
        phone, number = body["phone"], body["n"]
        assert number >= last.get(phone, -1), f"{phone}: {number} after {last[phone]}"
        if not phone.endswith("0") or moment >= ill_until:
            assert number > last.get(phone, -1) or phone.endswith("0"), f"{phone}: {number} twice"
            done[phone] += 1
        last[phone] = number
    return dict(done)
