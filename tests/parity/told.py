"""What happened to a flow: its requests in their order, and how its runs ended; and where two tellings differ."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
import orjson

COMPARED = frozenset({"content-type", "x-note"})
KEY = "idempotency-key"
MOST_SHOWN = 1_500
EVENT = re.compile(r"event '[^']*'")


@dataclass(frozen=True, slots=True)
class Request:
    """One that reached the destination. `key`: which Idempotency-Key of the flow's it has, counted from 1; 0: none."""

    method: str
    address: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    key: int


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run, or an event that began none, ended."""

    outcome: str
    code: str | None = None
    step: str | None = None
    reason: str | None = None

    @classmethod
    def of(cls, outcome: str, code: str | None, step: str | None, reason: str | None) -> Ended:
        """Without the ids of events, as ingest makes its own of those that senders give."""
        if outcome == "delivered":
            return cls(outcome)
        return cls(outcome, code, step, reason and EVENT.sub("event", reason))


WAITS = Ended("waits")
REFUSED = Ended("refused")


@dataclass
class Told:
    """All of one flow. `ends` are in the order of what was sent."""

    requests: list[Request] = field(default_factory=list)
    ends: list[Ended | None] = field(default_factory=list)
    _keys: dict[str, int] = field(default_factory=dict)

    def request(self, method: str, address: str, headers: Mapping[str, str], body: bytes | None, base: str) -> None:
        """Take one down. `base`: the connection's address, which differs."""
        named = {
            name.lower(): value.strip(" \t") for name, value in headers.items()
        }  # as whoever reads them (RFC 9112, 5.1)
        key = named.get(KEY)
        number = 0 if key is None else self._keys.setdefault(key, len(self._keys) + 1)
        kept = tuple(sorted((name, value) for name, value in named.items() if name in COMPARED))
        said = (body or b"").replace(base.encode(), b"")
        shown = httpx.URL(address).raw_path.decode().removeprefix(httpx.URL(base).raw_path.decode().rstrip("/"))
        shown = unquote(shown).replace(base, "")  # the client writes a query its own way
        self.requests.append(Request(method, shown, kept, said, number))


def differences(engine: Told, stack: Told) -> Iterator[str]:
    """Where the two differ: the first request, and each end."""
    for number, (one, other) in enumerate(zip(engine.requests, stack.requests, strict=False), start=1):
        if parts := list(_parts(one, other)):
            yield f"request {number}: {'; '.join(parts)}"
            break
    else:
        if len(engine.requests) != len(stack.requests):
            more = (engine if len(engine.requests) > len(stack.requests) else stack).requests
            extra = more[min(len(engine.requests), len(stack.requests))]
            counts = f"flows test {len(engine.requests)}, the stack {len(stack.requests)}"
            yield f"requests: {counts}: {extra.method} {extra.address}"
    for number, (end, real) in enumerate(zip(engine.ends, stack.ends, strict=True), start=1):
        if end != real:
            yield f"event {number}: flows test {end}, the stack {real}"


def _parts(one: Request, other: Request) -> Iterator[str]:
    for name in Request.__slots__:
        if (here := getattr(one, name)) != (there := getattr(other, name)):
            yield f"{name}: flows test {_short(here)}, the stack {_short(there)} ({one.method} {one.address})"


def _short(value: Any) -> str:
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else orjson.dumps(value).decode())[:MOST_SHOWN]
