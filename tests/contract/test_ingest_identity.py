"""The same twice is one, different ones are two: by what a sender wrote, to the last digit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.events import Event
from services.ingest.sources.load import load
from tests.support.ingest import BEARER, TOKEN, Recorder, application, client

FILE = """\
sources:
  one: { schema: { type: object }, id: /id, subject: /id, token: { env: HOOK } }
  parts: { schema: { type: object }, id: { all: [ /id, /at ] }, subject: /id, token: { env: HOOK } }
  header: { schema: { type: object }, id: { header: X-Id }, token: { env: HOOK } }
  typed:
    schema: { type: object, properties: { n: { type: [ number, "null" ] }, i: { type: integer } } }
    id: /n
    token: { env: HOOK }
  strict: { schema: { type: object }, id: /id, same_id: new, token: { env: HOOK } }
  content: { schema: { type: object }, token: { env: HOOK } }
"""
LONG = "x" * 600
ONE = [
    ("12", "12.0"),
    ("12", "1.2e1"),
    ("12", '"12"'),
    ('"a"', '" a "'),
    ("1e20", "100000000000000000000"),
    ("0.5", "0.50"),
]
TWO = [
    ("12345678901234567890123", "12345678901234567890124"),
    ("-9223372036854775809", "-9223372036854775810"),
    ("0.12345678901234567891", "0.12345678901234567892"),
    ("1e400", "2e400"),
    ("12", "12.5"),
    (f'"{LONG}a"', f'"{LONG}b"'),
]
Ingest = tuple[httpx.AsyncClient, Recorder]


@pytest.fixture
async def ingest(tmp_path: Path) -> AsyncIterator[Ingest]:
    """A client and what Kafka got."""
    (tmp_path / "sources.yaml").write_text(FILE)
    app, recorder = application(load(tmp_path / "sources.yaml", {"HOOK": TOKEN}))
    async with client(app) as http:
        yield http, recorder


async def events(ingest: Ingest, source: str, *bodies: str) -> list[Event]:
    """What became of bodies that are told apart by nothing but what they are."""
    http, kafka = ingest
    for body in bodies:
        answer = await http.post(
            f"/v1/hooks/{source}/{TOKEN}", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 202, answer.text
    return [Event.model_validate(value) for _, value in kafka.records]


@pytest.mark.parametrize("source", ["one", "parts"])
@pytest.mark.parametrize(("first", "second"), ONE)
async def test_one_id_however_it_is_written(ingest: Ingest, source: str, first: str, second: str) -> None:
    """Numbers by their value: a sender's program may write 12 today and 12.0 tomorrow."""
    one, other = await events(ingest, source, *(f'{{"id": {written}, "at": 1}}' for written in (first, second)))
    assert (one.id, one.subject) == (other.id, other.subject)


@pytest.mark.parametrize("source", ["one", "parts", "content"])
@pytest.mark.parametrize(("first", "second"), TWO)
async def test_two_ids_that_differ_in_the_last_sign(ingest: Ingest, source: str, first: str, second: str) -> None:
    """Beyond what a number type holds, and beyond the length of an id of ours."""
    one, other = await events(ingest, source, *(f'{{"id": {written}, "at": 1}}' for written in (first, second)))
    assert one.id != other.id
    assert one.subject != other.subject
    assert max(len(one.subject), len(one.id)) <= 512


async def test_digits_reach_the_flow(ingest: Ingest) -> None:
    """As a text, where no number holds them."""
    [event] = await events(ingest, "one", '{"id": 12345678901234567890123, "n": 0.12345678901234567891, "m": 19.9}')
    assert event.data == {"id": "12345678901234567890123", "n": "0.12345678901234567891", "m": 19.9}


async def test_a_declared_number_is_rounded_and_its_id_is_not(ingest: Ingest) -> None:
    """Who declares a number wants one; what is declared whole and cannot be is refused with its place."""
    found = await events(ingest, "typed", '{"n": 0.12345678901234567891}', '{"n": 0.12345678901234567892}')
    assert [event.data for event in found] == [{"n": 0.12345678901234568}] * 2
    assert found[0].id != found[1].id
    refused = await ingest[0].post(f"/v1/hooks/typed/{TOKEN}", content='{"i": 12345678901234567890123}')
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/i")
    beyond = await ingest[0].post(f"/v1/hooks/typed/{TOKEN}", json={"i": 2**63})
    assert (beyond.status_code, beyond.json()["errors"][0]["pointer"]) == (422, "/i")


async def test_the_same_id_with_other_content_is_new_where_the_source_says_so(ingest: Ingest) -> None:
    """A deal at each stage; the same stage again is the same. Else it is a duplicate."""
    bodies = [f'{{"id": 7, "stage": {stage}}}' for stage in (2, 3, 4, 3)]
    found = await events(ingest, "strict", *bodies)
    assert len({event.id for event in found}) == 3
    assert found[1].id == found[3].id
    assert len({event.id for event in (await events(ingest, "one", *bodies))[4:]}) == 1


async def test_long_ids_of_headers_and_envelopes_are_whole(ingest: Ingest) -> None:
    """None is cut, wherever it stands."""
    http, kafka = ingest
    for last in "ab":
        await http.post(f"/v1/hooks/header/{TOKEN}", json={}, headers={"X-Id": LONG + last})
        event = {
            "specversion": "1.0",
            "id": LONG + last,
            "source": "/a",
            "type": "x",
            "subject": LONG + last,
            "data": {},
        }
        kind = {"Content-Type": "application/cloudevents+json"}
        await http.post(f"/v1/hooks/one/{TOKEN}", content=json.dumps(event), headers=kind)
    found: list[dict[str, Any]] = [value for _, value in kafka.records]
    assert len({event["id"] for event in found}) == 4
    assert len({event["subject"] for event in found}) == 4
    sent = {"specversion": "1.0", "id": "1", "source": "/a", "type": "webhook.one", "data": {"id": LONG}}
    assert (await http.post("/v1/events", json=sent, headers=BEARER)).status_code == 202
