"""What the destination answers to the n-th request of a flow: the same on both sides, from the seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import orjson

from services.project.catalogue import stand_in_answers

CALL_SECONDS = 3.0
"""A call's whole time on the stack: what comes later came too late."""
CLOSUM = stand_in_answers()
SERVER = {"Date": "Tue, 01 Dec 2026 09:00:00 GMT", "Server": "there"}
BODILESS = frozenset({204, 304})
ODD = (b"", b"<html>Bad</html>", b"{", b"null", b"[]", b'{"a": null, "id": "7"}', b'"text"', "olá".encode())


class Fate(Enum):
    """What becomes of a request."""

    ANSWERED = "answered"
    CUT = "cut"  # the connection ends without an answer
    LATE = "late"  # no answer in time


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer."""

    fate: Fate = Fate.ANSWERED
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Script:
    """That of one flow: `answer` is asked once a request, in their order."""

    seed: int
    flow: str
    asked: int = 0

    def answer(self, path: str) -> Answer:
        """The next one, with all headers that a server would add of its own."""
        self.asked += 1
        said = self._answer(path)
        if said.status in BODILESS:
            return replace(said, headers=SERVER, body=b"")
        own = {**SERVER, "Content-Type": "application/octet-stream", "Content-Length": str(len(said.body))}
        return replace(said, headers=own | said.headers)

    def _answer(self, path: str) -> Answer:
        chance = random.Random(f"{self.seed} {self.flow} {self.asked}")
        kind = chance.random()
        if kind < 0.66:
            return _well(chance, path)
        if kind < 0.72:
            return Answer(status=chance.choice((200, 200, 204)), body=chance.choice(ODD))
        if kind < 0.96:
            return _ill(chance)
        return Answer(Fate.LATE) if kind > 0.995 else Answer(Fate.CUT)


def _ill(chance: random.Random) -> Answer:
    kind = chance.random()
    if kind < 0.35:
        return Answer(status=503)
    if kind < 0.45:
        return Answer(status=chance.choice((429, 503)), headers={"Retry-After": chance.choice(("0", "1"))})
    if kind < 0.6:
        return Answer(status=chance.choice((500, 502, 504)))
    status = chance.choice((400, 403, 404, 404, 405, 409, 410, 422, 422, 302, 501))
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=b'{"error": "no"}')


def _well(chance: random.Random, path: str) -> Answer:
    told: Any = CLOSUM.get(path.lstrip("/"))
    if told is None:
        told = {"id": chance.randrange(99), "name": chance.choice(("Ana", "", "João")), "items": [{"n": 1}, {"n": 2}]}
        for name, value in (("next", None), ("total", 2.0), ("ok", True), ("text", "19,90")):
            if chance.random() < 0.5:
                told[name] = value
    headers = {"Content-Type": "application/json"} | ({"X-Left": "7"} if chance.random() < 0.2 else {})
    return Answer(status=chance.choice((200, 200, 201)), headers=headers, body=orjson.dumps(told))
