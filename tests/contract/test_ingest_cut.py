"""Requests that end early, over real sockets to the real server: an event only from a body that ended as it said."""

from __future__ import annotations

import asyncio
import gzip
import random
import time
import zlib

import pytest

from contracts.errors import ErrorCode
from services.ingest.decompression import unpacked
from services.ingest.http_problems import Refused
from tests.support.raw_requests import BODIES, LEAD, data, framed, gateway
from tests.support.wire_fuzz import play

SEED = 12
CUTS = 8
ENDS = ("close", "half-close", "reset")


async def test_a_body_that_is_cut_is_no_event_however_it_ends() -> None:
    """Cut anywhere, by FIN, half-close or RST, in every encoding and framing; who still reads gets a 400."""
    draw = random.Random(SEED)  # noqa: S311 - seeded, so that a failure can be played again
    async with gateway() as served:
        for framing in ("length", "chunked"):
            for name, (path, headers, body) in BODIES.items():
                head, wire = framed(path, headers, body, framing)
                places = {0, 1, len(wire) - 1, *(draw.randrange(len(wire)) for _ in range(CUTS))}
                cuts = [(place, end) for place in sorted(places) for end in ENDS]
                answers = await asyncio.gather(*(served.send(head + wire[:place], end) for place, end in cuts))
                await served.settled()
                assert data(served.recorder) == [], (framing, name)
                for (place, end), answer in zip(cuts, answers, strict=True):
                    if end == "half-close":
                        assert answer.startswith(b"HTTP/1.1 400 "), (framing, name, place, answer)
                        assert ErrorCode.BODY_CUT.value.encode() in answer
                assert (await served.send(head + wire)).startswith(b"HTTP/1.1 202 "), (framing, name)
                [taken] = data(served.recorder)
                assert (taken["email"], taken["name"]) == (LEAD["email"], LEAD["name"])
                served.recorder.records.clear()


@pytest.mark.parametrize("name", [name for name in BODIES if name != "urlencoded"])
async def test_a_body_that_its_own_sender_cut_is_no_event(name: str) -> None:
    """All bytes that Content-Length says, and still not the whole: wherever the encoding has an end of its own."""
    path, headers, body = BODIES[name]
    async with gateway() as served:
        # Behind a multipart form's closing boundary there is nothing but an end of line.
        for place in range(len(body) - (2 if name == "multipart" else 0)):
            answer = await served.send(b"".join(framed(path, headers, body[:place], "length")))
            if answer.startswith(b"HTTP/1.1 202 "):
                # Between two members gzip has an end too: what is there must be all that the whole has.
                assert data(served.recorder) == [], place
            assert answer.startswith(b"HTTP/1.1 4"), (place, answer)
    assert data(served.recorder) == []


def test_gzip_of_many_members_is_read_whole_and_bounded() -> None:
    """As `cat a.gz b.gz` makes it; the limit holds for all of them together."""
    members = b"".join(gzip.compress(b"%d," % number) for number in range(50))
    whole = b"".join(b"%d," % number for number in range(50))
    assert unpacked(members, "gzip", len(whole)) == whole
    with pytest.raises(Refused) as refused:
        unpacked(members, "gzip", len(whole) - 1)
    assert refused.value.code is ErrorCode.BODY_TOO_LARGE
    for wrong in (members + b"x", members[:-1], zlib.compress(whole) + b"x"):
        with pytest.raises(Refused) as refused:
            unpacked(wrong, "gzip" if wrong[:2] == b"\x1f\x8b" else "deflate", len(whole))
        assert refused.value.code is ErrorCode.JSON_INVALID


def test_empty_members_cost_no_time() -> None:
    """A thousand are read; as many as fit into a body are refused, before any is unpacked."""
    empty = gzip.compress(b"")
    assert unpacked(empty * 999 + gzip.compress(b"{}"), "gzip", 100) == b"{}"
    began = time.process_time()
    with pytest.raises(Refused) as refused:
        unpacked(empty * (3_145_728 // len(empty)), "gzip", 3_145_728)
    assert (refused.value.code, time.process_time() - began < 0.1) == (ErrorCode.BODY_TOO_LARGE, True)


async def test_whatever_is_split_delayed_cut_and_interleaved_no_event_differs() -> None:
    """Seeded stories of 60 connections, several requests on one; `python -m tests.bench.wire_fuzz` plays more."""
    async with gateway() as served:
        played = await play(served, SEED, 60)
    assert played["answered 202"] > 20, played
    assert played["cut"] > 5, played
    assert played["reordered"] > 2, played
