"""Valid requests on their way through a bad network: split, delayed, cut, and with pieces of a signed body exchanged.

Everything is drawn from a seed. Connections run side by side, so that their pieces come interleaved, and one carries
several requests, also before the first is answered. What has to hold, whatever was drawn: each event is what its whole
request says, of a request whose every byte was sent in its order; what was answered 202 is there, once.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.support.ingest import application, client
from tests.support.raw_requests import Body, Gateway, bodies, data, framed, query, sources

PAUSES = (0.0, 0.0, 0.0, 0.0, 0.001, 0.005, 0.02)
MOST_PIECES = 12
MOST_REQUESTS = 4
ACCEPTED = b"HTTP/1.1 202 "
REORDERED = "reordered"
QUERY = "query"


@dataclass(frozen=True)
class Story:
    """What one connection does. `sent`: the requests that were sent whole and in order, by their lead's address."""

    pieces: list[tuple[float, bytes]]
    end: str
    sent: list[str]
    told: Counter[str]


async def play(served: Gateway, seed: int, connections: int) -> Counter[str]:
    """Play so many connections at once; what they did. Raises AssertionError with the seed and the connection."""
    draw = random.Random(seed)  # noqa: S311 - seeded, so that a failure can be played again
    expected: dict[str, Any] = {}
    stories = [await story(draw, f"s{seed}c{number}", expected) for number in range(connections)]
    answers = await asyncio.gather(*(served.send(each.pieces, each.end) for each in stories))
    await served.settled()
    found = data(served.recorder)
    served.recorder.records.clear()
    seen = Counter(event["email"] for event in found)
    whole = {email for each in stories for email in each.sent}
    for event in found:
        assert event == expected[event["email"]], (seed, event)
        assert event["email"] in whole, (seed, event)
    for each, answer in zip(stories, answers, strict=True):
        about = (seed, each, answer)
        taken = [email for email in each.sent if seen[email]]
        assert all(seen[email] == 1 for email in taken), about
        assert answer.count(ACCEPTED) <= len(taken), about
        if not each.end:
            assert taken == each.sent, about
            assert answer.count(ACCEPTED) == len(taken), about
    told = sum((each.told for each in stories), Counter[str]())
    return told + Counter({"answered 202": sum(answer.count(ACCEPTED) for answer in answers), "events": len(found)})


async def story(draw: random.Random, name: str, expected: dict[str, Any]) -> Story:
    """Draw one. `expected` gets what each of its requests says."""
    count = draw.randint(1, MOST_REQUESTS)
    told: Counter[str] = Counter()
    wire, sent = b"", []
    end = draw.choice(("", "", "close", "half-close", "reset"))
    for number in range(count):
        email = f"{name}r{number}@example.pt"
        encoding, request = draw.choice([*bodies(email).items(), (QUERY, query(email))])
        expected[email] = await said(request)
        path, headers, body = request
        changed = exchanged(draw, body) if encoding == "signed" and draw.random() < 0.5 else body
        last = number == count - 1
        framing = "GET" if encoding == QUERY else draw.choice(("length", "chunked"))
        head, framed_body = framed(path, headers, changed, framing, "close" if last else "keep-alive")
        whole = head + framed_body
        told[encoding] += 1
        told[REORDERED] += changed != body
        if last and end and draw.random() < 0.8:
            wire += whole[: draw.randrange(len(whole))]
            told["cut"] += 1
        else:
            wire += whole
            sent += [email] if changed == body else []
    places = sorted({0, len(wire), *(draw.randrange(len(wire) + 1) for _ in range(draw.randrange(MOST_PIECES)))})
    pieces = [(draw.choice(PAUSES), wire[a:b]) for a, b in pairwise(places)]
    return Story(pieces, end, sent, told)


def exchanged(draw: random.Random, body: bytes) -> bytes:
    """The body with two of its pieces exchanged: as long as it was."""
    a, b, c = sorted(draw.sample(range(len(body) + 1), 3))
    return body[:a] + body[b:c] + body[a:b] + body[c:]


async def said(request: Body) -> Any:
    """The payload of a request that comes whole, in one piece."""
    path, headers, body = request
    app, recorder = _plain()
    async with client(app) as http:
        answer = await http.request("POST" if body else "GET", path, content=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return recorder.records.pop()[1]["data"]


def _plain() -> Any:
    if not PLAIN:
        PLAIN.append(application(sources()))
    return PLAIN[0]


PLAIN: list[Any] = []
