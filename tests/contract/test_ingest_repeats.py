"""What comes without an id of its own: there and back are changes, the same delivery again is one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.events import Event
from contracts.triggers.registry import TRIGGERS
from services.ingest.sources.load import load
from services.tools.claims import SubjectOrder
from services.tools.content_repeats import LatestContent, judged
from tests.support.ingest import BEARER, TOKEN, Recorder, application, client

SOURCES = "sources:\n" + "".join(
    f"  {name.replace('.', '-')}: {{ trigger: {name}, token: {{ env: HOOK }} }}\n" for name in TRIGGERS
)
SOURCES += """\
  shop: { example: { contact: 7, name: Ana }, subject: /contact, token: { env: HOOK } }
  nobody: { example: { name: Ana }, token: { env: HOOK } }
  patient: { example: { name: Ana }, token: { env: HOOK }, deduplicate: { repeats_within: 2m, within: 7d } }
  meta: { platform: whatsapp_cloud, token: { env: HOOK } }
"""
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "closum.contact.updated": ({"email": "a@b.pt", "name": "Bea"}, {"email": "a@b.pt", "name": "Ana"}),
    "closum.lead.created": ({"email": "a@b.pt", "name": "Bea"}, {"email": "a@b.pt", "name": "Ana"}),
    "closum.sms.status_updated": ({"to": "351912345678", "status": "sent"}, {"to": "351912345678", "status": "failed"}),
    "closum.whatsapp.message_received": ({"from": "351912345678", "text": "Sim"}, {"from": "351912345678"}),
    "whatsapp.status_updated": ({"to": "351912345678", "status": "sent"}, {"to": "351912345678", "status": "read"}),
    "shop": ({"contact": 7, "name": "Ana"}, {"contact": 7, "name": "Bea"}),
}


def messages(*texts: str) -> dict[str, Any]:
    """WhatsApp Cloud's shape, of messages that have no id."""
    sent = [{"from": "351912345678", "text": {"body": text}} for text in texts]
    change = {"field": "messages", "value": {"messages": sent}}
    return {"object": "whatsapp_business_account", "entry": [{"changes": [change]}]}


def requests() -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """By form: the source, and the two requests of a change and its opposite."""
    found: dict[str, tuple[str, list[dict[str, Any]]]] = {
        name: (name.replace(".", "-"), [{"json": body} for body in pair]) for name, pair in PAIRS.items()
    }
    ana, bea = PAIRS["shop"]
    leads = PAIRS["closum.lead.created"]
    found["a form"] = ("closum-lead-created", [{"data": body} for body in leads])
    event = {"specversion": "1.0", "source": "/shop", "type": "x"}
    structured = {"Content-Type": "application/cloudevents+json"}
    found["a CloudEvent"] = (
        "shop",
        [{"content": json.dumps(event | {"data": data}), "headers": structured} for data in (ana, bea)],
    )
    batch = {"Content-Type": "application/cloudevents-batch+json"}
    found["a batch"] = (
        "shop",
        [
            {"content": json.dumps([event | {"data": data} for data in datas]), "headers": batch}
            for datas in ((ana, bea), (bea, ana))
        ],
    )
    binary = {"ce-specversion": "1.0", "ce-source": "/shop", "Content-Type": "application/json"}
    found["a binary CloudEvent, told apart by its time"] = (
        "shop",
        [{"json": ana, "headers": binary | {"ce-time": f"2026-03-02T09:0{minute}:00Z"}} for minute in (1, 2)],
    )
    found["messages in one body"] = ("meta", [{"json": messages("Sim", "Sim")}, {"json": messages("Olá")}])
    return found


@pytest.fixture
async def ingest(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Recorder]]:
    """A client and what Kafka got."""
    file = tmp_path / "sources.yaml"
    file.write_text(SOURCES)
    app, recorder = application(load(file, {"HOOK": TOKEN}))
    async with client(app) as http:
        yield http, recorder


def new(records: Sequence[tuple[bytes, dict[str, Any]]]) -> list[bool]:
    """Which of the records services/tools takes for new: those whose id was made of their content."""
    latest: dict[bytes, LatestContent] = {}
    answers = []
    for position, (key, record) in enumerate(records):
        event = Event.model_validate(record)
        assert event.accepted
        assert event.contentid
        assert event.duplicateseconds
        among = SubjectOrder("s", "p", position, event.accepted, event.contentid)
        is_new, latest[key] = judged(latest.get(key), event.id, among, timedelta(seconds=event.duplicateseconds))
        answers.append(is_new)
    return answers


@pytest.mark.parametrize("form", requests())
async def test_there_and_back_is_every_change_and_the_same_again_is_one(
    form: str, ingest: tuple[httpx.AsyncClient, Recorder]
) -> None:
    """For every trigger and form without an id; and the sender is told the same."""
    http, kafka = ingest
    source, sent = requests()[form]

    async def post(which: int) -> tuple[bool, int]:
        """Whether it is told to be a duplicate, and how many records it made."""
        before = len(kafka.records)
        answer = await http.post(f"/v1/hooks/{source}/{TOKEN}", **sent[which])
        assert answer.status_code == 202, answer.text
        return "duplicate" in answer.json(), len(kafka.records) - before

    assert [(await post(which))[0] for which in (0, 1, 0, 1)] == [False] * 4
    assert new(kafka.records) == [True] * len(kafka.records)
    kafka.records.clear()
    told = [await post(which) for which in (0, 0, 1, 1, 1)]
    assert [again for again, _ in told] == [False, True, False, True, True]
    assert new(kafka.records) == [not again for again, count in told for _ in range(count)]


def aged(records: list[tuple[bytes, dict[str, Any]]], seconds: float) -> list[tuple[bytes, dict[str, Any]]]:
    """The records, each taken so much later than the one before."""
    first = Event.model_validate(records[0][1]).accepted
    assert first
    return [
        (key, record | {"accepted": (first + number * timedelta(seconds=seconds)).isoformat()})
        for number, (key, record) in enumerate(records)
    ]


@pytest.mark.parametrize(
    ("source", "body", "alike", "apart"),
    [
        ("closum-whatsapp-message_received", {"from": "351912345678", "text": "Sim"}, 29, 60),
        ("closum-whatsapp-message_received", {"from": "351912345678", "text": "Sim", "at": 1772443800}, 590, 660),
        ("closum-sms-status_updated", {"to": "351912345678", "status": "delivered"}, 29, 60),
        ("closum-contact-updated", {"email": "a@b.pt", "name": "Bea"}, 590, 660),
        ("shop", {"contact": 7, "name": "Ana"}, 590, 660),
        ("nobody", {"name": "Ana"}, 29, 60),
        ("patient", {"name": "Ana"}, 119, 121),
    ],
)
async def test_how_long_the_same_content_is_the_same_delivery(
    source: str, body: dict[str, Any], alike: float, apart: float, ingest: tuple[httpx.AsyncClient, Recorder]
) -> None:
    """Minutes, where a change or a time tells the next one apart; else seconds: two `Sim` a minute apart are two."""
    http, kafka = ingest
    for _ in range(2):
        await http.post(f"/v1/hooks/{source}/{TOKEN}", json=body)
    assert new(aged(kafka.records, alike)) == [True, False]
    assert new(aged(kafka.records, apart)) == [True, True]


async def test_an_event_with_an_id_of_its_own_says_nothing_of_its_content(
    ingest: tuple[httpx.AsyncClient, Recorder],
) -> None:
    """And ends what was before it, also in what the sender is told."""
    http, kafka = ingest
    path, body = f"/v1/hooks/closum-contact-updated/{TOKEN}", PAIRS["closum.contact.updated"][0]
    answers = [await http.post(path, json=one) for one in (body, body | {"event_id": "e1"}, body, body)]
    assert ["duplicate" in answer.json() for answer in answers] == [False, False, False, True]
    assert ["contentid" in record for _, record in kafka.records] == [True, False, True, True]
    event = {"specversion": "1.0", "source": "/a", "type": "closum.contact.updated", "data": body}
    assert (await http.post("/v1/events", json=event, headers=BEARER)).status_code == 422, "whole events have an id"
