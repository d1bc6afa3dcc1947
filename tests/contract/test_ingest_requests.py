"""Requests as platforms make them: lists, forms, XML, queries, headers, challenges, and the answers they take."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.errors import ErrorCode
from services.ingest.sources.document import SourcesError
from services.ingest.sources.load import load
from tests.support.ingest import Recorder, application, client

TOKEN = "requests-0123456789abcdef"
FILE = """\
sources:
  rows:
    schema: { type: object, required: [ n ], properties: { n: { type: integer }, at: { type: string } } }
    items: ""
    id: /n
    time: /at
    token: { env: TOKEN }
  nested:
    schema: { type: object }
    items: /entry/*/changes
    id: { all: [ /field, /value/id, /at ] }
    subject: /value/id
    token: { env: TOKEN }
  field:
    schema: { type: object }
    items: /payload
    id: /id
    token: { env: TOKEN }
  leads:
    trigger: closum.lead.created
    items: /leads
    token: { env: TOKEN }
  shop:
    schema: { type: object, properties: { id: { type: integer } } }
    id: { header: X-Delivery }
    type: { header: X-Topic }
    types:
      order_paid: { value: orders/paid, example: { id: 1, total: "9.90" } }
      order_gone: orders/delete
    headers: [ X-Shop-Domain ]
    query: [ utm_source, página ]
    leave_out: [ /auth/token, /parts/secret ]
    answer: { status: 200 }
    token: { env: TOKEN }
  acts:
    schema: { type: object }
    type: [ /kind, /event/type ]
    types: { gone: deleted }
    token: { env: TOKEN }
  asked:
    schema: { type: object }
    handshakes:
      - checks
      - echo_query: validationToken
      - echo_header: X-Hook-Secret
      - echo_field: challenge
      - ping: [ webhook_id ]
    answer: { status: 204 }
    authentication: { preset: github, secret: { env: TOKEN } }
  sms:
    schema: { type: object, required: [ from ], properties: { from: { type: string } } }
    from_query: true
    id: /id
    answer: { body: "OK" }
    token: { env: TOKEN }
  soap:
    schema: { type: object }
    items: /Envelope/Body/notifications/Notification
    id: /Id
    answer: { body: "<ack/>", content_type: text/xml }
    token: { env: TOKEN }
"""
Ingest = tuple[httpx.AsyncClient, Recorder]


@pytest.fixture
async def ingest(tmp_path: Path) -> AsyncIterator[Ingest]:
    """A client and what Kafka got."""
    app, recorder = application(load(written(tmp_path, FILE), {"TOKEN": TOKEN}))
    async with client(app) as http:
        yield http, recorder


def written(folder: Path, text: str) -> Path:
    """A sources file."""
    file = folder / "sources.yaml"
    file.write_text(text)
    return file


def url(source: str) -> str:
    """The address of a source."""
    return f"/v1/hooks/{source}/{TOKEN}"


def data(kafka: Recorder) -> list[Any]:
    """What flows see, in order."""
    return [event["data"] for _, event in kafka.records]


async def test_each_item_of_a_list_is_an_event(ingest: Ingest) -> None:
    """With its own id and time; the same item in another list is a duplicate; an empty list is none."""
    http, kafka = ingest
    rows = [{"n": 1, "at": "2026-03-02T09:30:00Z"}, {"n": 2, "at": "2026-03-02T09:31:00Z"}]
    first = await http.post(url("rows"), json=rows)
    again = await http.post(url("rows"), json=rows[1:])
    assert (first.status_code, len(first.json()["ids"])) == (202, 2)
    assert again.json() == {"id": first.json()["ids"][1], "duplicate": True}
    assert data(kafka) == [*rows, rows[1]]
    assert [event["time"] for _, event in kafka.records][:2] == [
        "2026-03-02T09:30:00+00:00",
        "2026-03-02T09:31:00+00:00",
    ]
    assert (await http.post(url("rows"), json=[])).json() == {"ids": []}
    assert (await http.post(url("rows"), json={"n": 3})).status_code == 202, "one that stands alone"


async def test_a_wrong_item_is_named(ingest: Ingest) -> None:
    """By its place in the body, and the others are taken; a list that is not there, or too long, is refused."""
    http, kafka = ingest
    wrong = await http.post(url("rows"), json=[{"n": 1}, {"n": "x"}])
    assert (wrong.status_code, wrong.json()["unread"][0]["pointer"]) == (202, "/1")
    assert data(kafka) == [{"n": 1}]
    kafka.records.clear()
    for source, body in (("nested", {"entries": []}), ("leads", {"lead": []}), ("rows", [{"n": 1}] * 1001)):
        refused = await http.post(url(source), json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, ErrorCode.SHAPE_INVALID.value), source
    assert kafka.records == []


async def test_lists_in_lists(ingest: Ingest) -> None:
    """`*` is each item on the way; an id of several values tells stages of one deal apart."""
    http, kafka = ingest
    body = {
        "entry": [
            {
                "changes": [
                    {"field": "stage", "value": {"id": 7}, "at": 1},
                    {"field": "stage", "value": {"id": 7}, "at": 2},
                ]
            },
            {"changes": {"field": "stage", "value": {"id": 8}, "at": 1}},
            {"other": 1},
        ]
    }
    answer = await http.post(url("nested"), json=body)
    assert len(set(answer.json()["ids"])) == 3
    assert [event["subject"] for _, event in kafka.records] == ["7", "7", "8"]


async def test_json_in_a_field_of_a_form(ingest: Ingest) -> None:
    """A list or an object; what is no JSON there is refused with its place."""
    http, kafka = ingest
    for value in ([{"id": "a"}, {"id": "b"}], {"id": "c"}):
        assert (await http.post(url("field"), data={"payload": json.dumps(value)})).status_code == 202
    assert data(kafka) == [{"id": "a"}, {"id": "b"}, {"id": "c"}]
    refused = await http.post(url("field"), data={"payload": "{"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/payload")


async def test_a_list_of_a_built_in_trigger(ingest: Ingest) -> None:
    """Its items are read by its model."""
    http, kafka = ingest
    people = [{"email": "ana@example.com"}, {"email": "rui@example.com"}]
    assert (await http.post(url("leads"), json={"leads": people})).status_code == 202
    assert {event["type"] for _, event in kafka.records} == {"closum.lead.created"}


async def test_the_header_tells_the_types_apart(ingest: Ingest) -> None:
    """Each type has its trigger and shape; others come under the source's own; the answer is the declared one."""
    http, kafka = ingest
    body = {"id": 1, "total": "9.90"}
    for number, topic in enumerate(("orders/paid", "orders/delete", "carts/update", "")):
        headers = {"X-Delivery": str(number), **({"X-Topic": topic} if topic else {})}
        answer = await http.post(url("shop"), json=body, headers=headers)
        assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (200, b"", None)
    types = [event["type"] for _, event in kafka.records]
    assert types == ["webhook.shop.order_paid", "webhook.shop.order_gone", "webhook.shop", "webhook.shop"]
    refused = await http.post(url("shop"), json={"id": 1}, headers={"X-Topic": "orders/paid"})
    assert refused.json()["errors"] == [{"pointer": "", "detail": '"total" is a required property'}]


async def test_a_field_tells_the_types_apart(ingest: Ingest) -> None:
    """The first pointer that finds a text."""
    http, kafka = ingest
    for body in ({"kind": "deleted"}, {"event": {"type": "deleted"}}, {"kind": 7}):
        await http.post(url("acts"), json=body)
    assert [event["type"] for _, event in kafka.records] == ["webhook.acts.gone", "webhook.acts.gone", "webhook.acts"]


async def test_chosen_headers_and_parameters_are_read(ingest: Ingest) -> None:
    """Under names that an expression can have; others and secrets stay out; the body's own field is kept under raw."""
    http, kafka = ingest
    body = {"id": 1, "auth": {"token": "t", "domain": "d"}, "headers": "own", "parts": [{"secret": 1, "a": 2}]}
    sent = {"X-Topic": "other", "X-Shop-Domain": "ana.example", "X-Other": "1", "X-Delivery": "1"}
    await http.post(f"{url('shop')}?utm_source=ad&p%C3%A1gina=%C3%A9&key=s", json=body, headers=sent)
    [seen] = data(kafka)
    assert seen == {
        "id": 1,
        "auth": {"domain": "d"},
        "parts": [{"a": 2}],
        "headers": {"x_shop_domain": "ana.example", "x_topic": "other"},
        "query": {"utm_source": "ad", "página": "é"},
        "raw": {"headers": "own"},
    }


async def test_challenges_are_answered_unproved(ingest: Ingest) -> None:
    """By what the request brought and nothing else; none of them is an event."""
    http, kafka = ingest
    url = "/v1/hooks/asked"
    head, get = await http.head(url), await http.get(url)
    assert (head.status_code, get.status_code, get.content) == (200, 200, b"")
    for method in ("GET", "POST"):
        echoed = await http.request(method, url, params={"validationToken": "a <b>"})
        assert (echoed.status_code, echoed.text, echoed.headers["content-type"]) == (
            200,
            "a <b>",
            "text/plain; charset=utf-8",
        )
        assert echoed.headers["x-content-type-options"] == "nosniff"
    secret = await http.post(url, headers={"X-Hook-Secret": "s3cret"})
    assert (secret.status_code, secret.headers["x-hook-secret"]) == (200, "s3cret")
    assert (await http.post(url, json={"challenge": "c", "type": "x"})).json() == {"challenge": "c"}
    assert (await http.post(url, data={"webhook_id": "7"})).status_code == 200
    for body in ({"webhook_id": "7", "more": 1}, {}, {"challenge": 1}, {"challenge": "c" * 5000}):
        assert (await http.post(url, json=body)).status_code == 401, body
    assert kafka.records == []


async def test_a_challenge_that_nobody_declared_is_none(ingest: Ingest) -> None:
    """Then a GET is a wrong method, and a body is an event."""
    http, kafka = ingest
    assert (await http.get(url("rows"), params={"validationToken": "a"})).status_code == 405
    assert (await http.head(url("rows"))).status_code == 405
    assert (await http.post(url("field"), json={"payload": {"challenge": "c"}})).status_code == 202
    assert data(kafka) == [{"challenge": "c"}]


async def test_a_query_is_an_event_where_a_gateway_sends_one(ingest: Ingest) -> None:
    """As POST is; HEAD never is one; without an id its query identifies it."""
    http, kafka = ingest
    first = await http.get(url("sms"), params={"from": "351912345678", "text": "Olá", "id": "1"})
    assert (first.status_code, first.text) == (200, "OK")
    await http.post(url("sms"), data={"from": "351912345678", "text": "Olá", "id": "1"})
    await http.get(url("sms"), params={"from": "1", "text": "a"})
    await http.get(url("sms"), params={"from": "1", "text": "b"})
    assert [event["text"] for event in data(kafka)] == ["Olá", "Olá", "a", "b"]
    ids = [event["id"] for _, event in kafka.records]
    assert (ids[0], len(set(ids))) == (ids[1], 3)
    assert (await http.head(url("sms"), params={"from": "1"})).status_code == 405
    assert (await http.get(url("sms"))).status_code == 422


async def test_a_204_says_nothing(ingest: Ingest) -> None:
    """Not even a length; a refusal stays a problem."""
    http, _ = ingest
    answer = await http.post("/v1/hooks/asked", json={"a": 1})
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


SOAP = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://www.w3.org/2001/XMLSchema-instance"><s:Body>
<notifications xmlns="urn:o"><SessionId x:nil="true"/>{}</notifications></s:Body></s:Envelope>"""


async def test_xml_is_read(ingest: Ingest) -> None:
    """One element as a list of one; with the declared answer; a DOCTYPE is refused."""
    http, kafka = ingest
    one, two = (
        f"<Notification><Id>{n}</Id><o x:type='L' xmlns:f='u'><f:Name> Inês &amp; Rui</f:Name></o></Notification>"
        for n in (1, 2)
    )
    for inside in (one, one + two):
        answer = await http.post(
            url("soap"), content=SOAP.format(inside), headers={"Content-Type": "text/xml; charset=UTF-8"}
        )
        assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, "<ack/>", "text/xml")
    assert [event["Id"] for event in data(kafka)] == ["1", "1", "2"]
    assert data(kafka)[0]["o"] == {"Name": " Inês & Rui"}
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><Envelope>&b;</Envelope>'
    refused = await http.post(url("soap"), content=bomb, headers={"Content-Type": "application/soap+xml"})
    assert (refused.status_code, "DOCTYPE" in refused.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("headers: [ Authorization ]", "is a secret, which flows must not see"),
        ("query: [ api-key ]", "is a secret, which flows must not see"),
        ("headers: [ X-A ], schema: { type: object, properties: { headers: {} } }", "has a field 'headers' itself"),
        ("types: { a: b }", "types: needs type"),
        ("type: 7", "sources.one.type: Input should be a valid string"),
        ("type: { heade: X }", "sources.one.type.heade: no such field; did you mean 'header'?"),
        ("items: entry", "is no JSON pointer"),
        ("answer: { status: 204, body: x }", "a 204 has no body"),
        ("handshakes: [ { ping: [ a ], echo_field: b } ]", "is exactly one of checks"),
        ("id: { all: [ /a ] }", "at least 2"),
        ("poll: { url: 'https://a.example', every: 1m }, token: null, items: ''", "are for what comes in"),
    ],
)
def test_mistakes_are_told(entry: str, told: str, tmp_path: Path) -> None:
    """With the place of each."""
    schema = "" if "schema:" in entry else "schema: { type: object }, "
    token = "" if "token:" in entry else ", token: { env: TOKEN }"
    with pytest.raises(SourcesError, match=r"sources\.one") as raised:
        load(written(tmp_path, f"sources:\n  one: {{ {schema}{entry}{token} }}\n"), {"TOKEN": TOKEN})
    assert told in str(raised.value)


LENIENT = """\
sources:
  loose:
    schema:
      type: object
      required: [ id ]
      properties:
        id: { type: integer }
        n: { type: object, properties: { x/y: { type: string } } }
        l: { type: array, items: { type: [ integer, "null" ] } }
    on_mismatch: raw
    id: /n/x~1y
    token: { env: TOKEN }
"""


async def test_a_field_of_another_type_is_set_aside(tmp_path: Path) -> None:
    """Under raw by its pointer, beside the sender's own raw; its id is read all the same; a required one refuses."""
    app, kafka = application(load(written(tmp_path, LENIENT), {"TOKEN": TOKEN}))
    async with client(app) as http:
        for number in (7, 8, 8):
            body = {"id": 1, "n": {"x/y": number, "z": 1}, "l": [1, "a", 2], "raw": {"own": 1}, "more": "m"}
            assert (await http.post(url("loose"), json=body)).status_code == 202
        refused = await http.post(url("loose"), json={"id": "x", "n": 1})
    seen = {"id": 1, "n": {"z": 1}, "l": [1, None, 2], "raw": {"own": 1, "/n/x~1y": 7, "/l/1": "a"}, "more": "m"}
    assert data(kafka)[0] == seen
    assert len({event["id"] for _, event in kafka.records}) == 2
    assert refused.status_code == 422
    assert {error["pointer"] for error in refused.json()["errors"]} == {"/id", "/n"}
