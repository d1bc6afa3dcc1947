"""What a sources file makes of the gateway: typed webhooks, proofs, forms, CloudEvents, handshakes, limits."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.topics import REFUSED_DLQ
from services.ingest.sources.load import load
from tests.support.ingest import BEARER, WHATSAPP, Recorder, application, client

TOKEN = "shop-0123456789abcdef"
SECRET = "signing-secret"
FILE = """\
sources:
  shop:
    example: { order: { id: 7 }, customer: { email: a@b.pt, phone: null }, at: "2026-01-01T00:00:00Z" }
    id: /order/id
    time: /at
    subject: [ /customer/phone, /customer/email ]
    token: { env: TOKEN }
    deduplicate: { within: 7d }
  forms:
    schema: { type: object, required: [ email ], properties: { email: { type: string } } }
    token: { env: TOKEN }
  github:
    schema: { type: object }
    id: { header: X-GitHub-Delivery }
    authentication: { preset: github, secret: [ { env: SECRET }, { env: OTHER } ], replay: refuse }
  meta:
    platform: whatsapp_cloud
    authentication: { preset: whatsapp_cloud, secret: { env: SECRET } }
    verify_token: { env: VERIFY }
  fast:
    schema: { type: object }
    token: { env: TOKEN }
    limits: { requests_per_second: 3, body_bytes: 100 }
  guarded:
    schema: { type: object }
    authentication: { preset: github, secret: { env: SECRET } }
    limits: { requests_per_second: 3 }
  inside:
    schema: { type: object }
    token: { env: TOKEN }
    networks: [ 192.0.2.0/24 ]
  partner:
    trigger: closum.lead.created
    authentication: { basic: { user: partner, password: { env: SECRET } } }
  lead:
    trigger: closum.lead.created
    token: { env: TOKEN }
"""
ENVIRON = {"TOKEN": TOKEN, "SECRET": SECRET, "OTHER": "other-secret", "VERIFY": "verify-me"}
SHOP = f"/v1/hooks/shop/{TOKEN}"
ORDER = {"order": {"id": 7}, "customer": {"email": "a@b.pt", "phone": None}, "at": "2026-01-01T00:00:00Z", "more": [1]}

Ingest = tuple[httpx.AsyncClient, Recorder]


@pytest.fixture
async def ingest(tmp_path: Path) -> AsyncIterator[Ingest]:
    """A client and what Kafka got."""
    (tmp_path / "sources.yaml").write_text(FILE)
    app, recorder = application(load(tmp_path / "sources.yaml", ENVIRON))
    async with client(app) as http:
        yield http, recorder


def code(response: httpx.Response) -> tuple[int, str]:
    """Status and error code."""
    return response.status_code, response.json()["code"]


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The header of GitHub and WhatsApp."""
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


async def test_a_declared_webhook_is_a_typed_event(ingest: Ingest) -> None:
    """Its trigger has the source's name; id, time and subject are where the file says; the body is kept whole."""
    http, kafka = ingest
    answers = [await http.post(SHOP, json=ORDER), await http.post(SHOP, json=ORDER | {"more": [2]})]
    event = Event.model_validate(kafka.records[0][1])
    assert (event.type, event.source, event.subject) == ("webhook.shop", "/hooks/shop", "a@b.pt")
    assert event.time.isoformat() == "2026-01-01T00:00:00+00:00"
    assert event.data == ORDER
    assert answers[0].json()["id"] == answers[1].json()["id"] == event.id


async def test_a_body_of_another_shape_is_a_422_with_its_places(ingest: Ingest) -> None:
    """Without repeating a value."""
    response = await ingest[0].post(SHOP, json={"order": {"id": "x-secret"}, "customer": {"phone": None}, "at": "y"})
    assert code(response) == (422, ErrorCode.SHAPE_INVALID)
    assert [fault["pointer"] for fault in response.json()["errors"]] == ["/order/id", "/customer"]
    assert "x-secret" not in response.text


async def test_a_redelivery_is_called_a_duplicate_only_when_the_first_was_acknowledged(ingest: Ingest) -> None:
    """A publish that failed never turns the retry into a duplicate."""
    http, kafka = ingest
    kafka.refuse = kafka._unavailable()
    assert (await http.post(SHOP, json=ORDER)).status_code == 503
    kafka.refuse = None
    first = (await http.post(SHOP, json=ORDER)).json()
    second = (await http.post(SHOP, json=ORDER)).json()
    assert "duplicate" not in first
    assert second == {"id": first["id"], "duplicate": True}
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "webhook.shop", "data": ORDER}
    answers = [
        (await http.post("/v1/events", json=event | more, headers=BEARER)).json() for more in ({}, {}, {"source": "/b"})
    ]
    assert ["duplicate" in answer for answer in answers] == [False, True, False]


async def test_how_long_an_id_is_a_duplicate_goes_with_the_event(ingest: Ingest) -> None:
    """As the source or the producer declares it: services/tools claims for so long. Absent: nothing is said."""
    http, kafka = ingest
    event = {"specversion": "1.0", "id": "1", "source": "/a", "type": "webhook.shop", "data": ORDER}
    await http.post(SHOP, json=ORDER)
    await http.post("/v1/events", json=event | {"duplicateseconds": 60}, headers=BEARER)
    await http.post("/v1/events", json=ORDER, headers=BEARER | {f"ce-{name}": str(event[name]) for name in event})
    assert [record.get("duplicateseconds") for _, record in kafka.records] == [7 * 86_400, 60, None]
    wrong = await http.post("/v1/events", json=event | {"duplicateseconds": 0}, headers=BEARER)
    assert code(wrong) == (422, ErrorCode.SHAPE_INVALID)
    assert [fault["pointer"] for fault in wrong.json()["errors"]] == ["/duplicateseconds"]


async def test_a_form_is_the_object_that_it_stands_for(ingest: Ingest) -> None:
    """Urlencoded and multipart, lists in brackets, files left out; without its field it is refused like JSON."""
    http, kafka = ingest
    path = f"/v1/hooks/forms/{TOKEN}"
    fields = {"email": "a@b.pt", "name": "Inês", "tags[1]": "x", "tags[2]": "y", "utm[source]": "ad", "a": ["1", "2"]}
    assert (await http.post(path, data=fields)).status_code == 202
    multipart = {key: (None, value) for key, value in fields.items() if isinstance(value, str)}
    files: Any = {**multipart, "photo": ("a.png", b"\x89PNG", "image/png")}
    assert (await http.post(path, files=files)).status_code == 202
    expected = {"email": "a@b.pt", "name": "Inês", "tags": ["x", "y"], "utm": {"source": "ad"}}
    assert [record["data"] for _, record in kafka.records] == [{**expected, "a": ["1", "2"]}, expected]
    assert code(await http.post(path, data={"name": "x"})) == (422, ErrorCode.SHAPE_INVALID)
    wrong = {"Content-Type": "multipart/form-data"}
    assert code(await http.post(path, content=b"--x\r\nnonsense", headers=wrong)) == (400, ErrorCode.JSON_INVALID)


async def test_json_that_is_called_a_form_is_json(ingest: Ingest) -> None:
    """`curl -d '{…}'` says so of it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await ingest[0].post(SHOP, content=json.dumps(ORDER), headers=headers)).status_code == 202
    assert ingest[1].records[0][1]["data"] == ORDER


async def test_a_form_becomes_a_lead(ingest: Ingest) -> None:
    """The readers of triggers take what forms send."""
    http, kafka = ingest
    await http.post(f"/v1/hooks/lead/{TOKEN}", data={"email": "a@b.pt", "tags": "x,y", "phone": "+351912345678"})
    data = kafka.records[0][1]["data"]
    assert (data["tags"], data["mobile_number_e164"]) == (["x", "y"], "+351912345678")


async def test_a_signed_source_needs_no_token_and_takes_two_secrets(ingest: Ingest) -> None:
    """The raw body is what is signed; another secret, or none, is a 401; its id comes from the header."""
    http, kafka = ingest
    body = b'{ "zen": "Keep it logically awesome." }'
    for delivery, secret in (("1", SECRET), ("2", "other-secret")):
        headers = signed(body, secret) | {"X-GitHub-Delivery": delivery}
        assert (await http.post("/v1/hooks/github", content=body, headers=headers)).status_code == 202
    assert len({record["id"] for _, record in kafka.records}) == 2
    for headers in ({}, signed(body, "wrong"), signed(body + b" ")):
        response = await http.post("/v1/hooks/github", content=body, headers=headers)
        assert code(response) == (401, ErrorCode.UNAUTHENTICATED)
    assert (await http.post(f"/v1/hooks/github/{TOKEN}", content=body, headers=signed(body))).status_code == 404
    assert len(kafka.records) == 2


async def test_a_replay_is_refused_where_the_source_says_so(ingest: Ingest) -> None:
    """409 after it was taken; after a 503 the same request is no replay."""
    http, kafka = ingest
    body = b"{}"
    kafka.refuse = kafka._unavailable()
    assert (await http.post("/v1/hooks/github", content=body, headers=signed(body))).status_code == 503
    kafka.refuse = None
    assert (await http.post("/v1/hooks/github", content=body, headers=signed(body))).status_code == 202
    assert code(await http.post("/v1/hooks/github", content=body, headers=signed(body))) == (409, ErrorCode.REPLAYED)
    assert len(kafka.records) == 1


async def test_basic_is_checked_before_the_body_is_read(ingest: Ingest) -> None:
    """And passes with user and password."""
    http, kafka = ingest
    response = await http.post("/v1/hooks/partner", content=b"{")
    assert code(response) == (401, ErrorCode.UNAUTHENTICATED)
    assert response.headers["www-authenticate"] == "Basic"
    assert (await http.post("/v1/hooks/partner", json={"email": "a@b.pt"}, auth=("partner", SECRET))).status_code == 202
    assert len(kafka.records) == 1


async def test_a_source_may_be_bound_to_its_networks(ingest: Ingest) -> None:
    """Another address is a 403."""
    response = await ingest[0].post(f"/v1/hooks/inside/{TOKEN}", json={})
    assert code(response) == (403, ErrorCode.UNAUTHENTICATED)


async def test_a_source_has_limits_of_its_own(ingest: Ingest) -> None:
    """Requests a second: 429 with Retry-After; body: 413."""
    http, _ = ingest
    path = f"/v1/hooks/fast/{TOKEN}"
    answers = [await http.post(path, json={}) for _ in range(10)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 4 <= len(refused) <= 7
    assert code(refused[0]) == (429, ErrorCode.RATE_LIMITED)
    assert refused[0].headers["retry-after"] == "1"


async def test_strangers_do_not_use_up_what_a_source_may_send(ingest: Ingest) -> None:
    """The proof comes before the permit."""
    http, _ = ingest
    for _ in range(10):
        assert (await http.post("/v1/hooks/guarded", json={})).status_code == 401
    assert (await http.post("/v1/hooks/guarded", content=b"{}", headers=signed(b"{}"))).status_code == 202


async def test_a_body_limit_of_a_source(ingest: Ingest) -> None:
    """Below the limit of all."""
    response = await ingest[0].post(f"/v1/hooks/fast/{TOKEN}", json={"a": "x" * 100})
    assert code(response) == (413, ErrorCode.BODY_TOO_LARGE)
    assert response.json()["limit_bytes"] == 100


WHATSAPP_CLOUD: dict[str, Any] = {
    "object": "whatsapp_business_account",
    "entry": [
        {
            "id": "1",
            "changes": [
                {
                    "field": "messages",
                    "value": {
                        "messaging_product": "whatsapp",
                        "contacts": [{"profile": {"name": "Inês"}, "wa_id": "351912345678"}],
                        "messages": [
                            {
                                "from": "351912345678",
                                "id": "wamid.A",
                                "timestamp": "1700000000",
                                "type": "text",
                                "text": {"body": "Olá"},
                            },
                            {
                                "from": "351912345678",
                                "id": "wamid.B",
                                "timestamp": "1700000001",
                                "type": "button",
                                "button": {"text": "Sim", "payload": "yes"},
                            },
                        ],
                        "statuses": [
                            {
                                "id": "wamid.C",
                                "status": "failed",
                                "timestamp": "1700000002",
                                "recipient_id": "351912345678",
                                "errors": [{"code": 131, "title": "Not allowed"}],
                            }
                        ],
                    },
                }
            ],
        }
    ],
}


async def test_whatsapp_cloud_sends_several_events_at_once(ingest: Ingest) -> None:
    """Messages and statuses, each an event of its own, in order, with the sender's name and time."""
    http, kafka = ingest
    body = json.dumps(WHATSAPP_CLOUD).encode()
    response = await http.post("/v1/hooks/meta", content=body, headers=signed(body))
    assert response.status_code == 202
    events = [Event.model_validate(record) for _, record in kafka.records]
    assert response.json() == {"ids": [event.id for event in events]}
    assert [event.type for event in events] == ["closum.whatsapp.message_received"] * 2 + ["whatsapp.status_updated"]
    assert {event.subject for event in events} == {"351912345678"}
    assert [event.data.get("text") for event in events] == ["Olá", "Sim", None]
    assert events[0].data["contact"]["name"] == "Inês"
    assert events[0].data["from_e164"] == "+351912345678"
    assert events[0].time.timestamp() == 1700000000
    assert (events[2].data["status"], events[2].data["error"]) == ("failed", "Not allowed")
    again = await http.post("/v1/hooks/meta", content=body, headers=signed(body))
    assert again.json() == {**response.json(), "duplicate": True}


async def test_whatsapp_cloud_without_messages_is_seen(ingest: Ingest) -> None:
    """It is taken, so that Meta does not send it again, as the general event; what is something else is refused."""
    http, kafka = ingest
    for body, status in (({"object": "whatsapp_business_account", "entry": []}, 202), ({"object": "page"}, 422)):
        content = json.dumps(body).encode()
        answer = await http.post("/v1/hooks/meta", content=content, headers=signed(content))
        assert answer.status_code == status
    assert [(event["type"], event["data"]["value"]) for _, event in kafka.records] == [
        ("whatsapp.changed", {"entry": []})
    ]


async def test_hub_challenge_is_echoed_for_the_verify_token_only(ingest: Ingest) -> None:
    """As plain text; 403 for a wrong token; 405 for a GET that is no challenge."""
    http, _ = ingest
    query = {"hub.mode": "subscribe", "hub.verify_token": "verify-me", "hub.challenge": "<b>1158201444</b>"}
    answer = await http.get("/v1/hooks/meta", params=query)
    assert (answer.status_code, answer.text) == (200, "<b>1158201444</b>")
    assert answer.headers["content-type"].startswith("text/plain")
    wrong = await http.get("/v1/hooks/meta", params=query | {"hub.verify_token": "x"})
    assert code(wrong) == (403, ErrorCode.UNAUTHENTICATED)
    assert code(await http.get("/v1/hooks/meta")) == (405, ErrorCode.METHOD_NOT_ALLOWED)
    assert code(await http.get("/v1/hooks/github", params=query)) == (405, ErrorCode.METHOD_NOT_ALLOWED)


async def test_cloudevents_and_slack_handshakes(ingest: Ingest) -> None:
    """OPTIONS grants the origin that asks; url_verification gets its challenge, after the proof, and is no event."""
    http, kafka = ingest
    for path in (SHOP, "/v1/events"):
        answer = await http.options(path, headers={"WebHook-Request-Origin": "events.example"})
        assert answer.status_code == 200
        assert answer.headers["webhook-allowed-origin"] == "events.example"
    body = json.dumps({"type": "url_verification", "challenge": "abc", "token": "x"}).encode()
    assert (await http.post("/v1/hooks/github", content=body)).status_code == 401
    answer = await http.post("/v1/hooks/github", content=body, headers=signed(body))
    assert (answer.status_code, answer.json()) == (200, {"challenge": "abc"})
    assert kafka.records == []


CE = {"specversion": "1.0", "id": "o 7", "source": "/shop", "type": "webhook.shop", "data": ORDER}


async def test_cloudevents_come_binary_structured_and_in_batches(ingest: Ingest) -> None:
    """The same event in each mode is the same record."""
    http, kafka = ingest
    binary = {f"ce-{name}": str(value).replace(" ", "%20") for name, value in CE.items() if name != "data"}
    answers = [
        await http.post("/v1/events", json=ORDER, headers=BEARER | binary),
        await http.post(
            "/v1/events", content=json.dumps(CE), headers=BEARER | {"Content-Type": "application/cloudevents+json"}
        ),
    ]
    assert [answer.json()["id"] for answer in answers] == ["o 7"] * 2
    assert len({json.dumps({**record, "time": 0, "accepted": 0}) for _, record in kafka.records}) == 1
    batch = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}
    answer = await http.post("/v1/events", content=json.dumps([CE, CE | {"id": "8"}]), headers=BEARER | batch)
    assert answer.json() == {"ids": ["o 7", "8"]}
    kafka.records.clear()
    wrong = await http.post("/v1/events", content=json.dumps([CE, CE | {"id": ""}, 5]), headers=BEARER | batch)
    assert code(wrong) == (422, ErrorCode.SHAPE_INVALID)
    assert wrong.json()["errors"][0]["pointer"] == "/1/id"
    assert kafka.records == []


async def test_a_hook_takes_a_cloudevent_around_its_body(ingest: Ingest) -> None:
    """The envelope's id and subject count; the payload is its data."""
    http, kafka = ingest
    headers = {"Content-Type": "application/cloudevents+json"}
    content = json.dumps({**CE, "subject": "customer/1", "time": "2026-02-02T00:00:00Z"})
    assert (await http.post(SHOP, content=content, headers=headers)).status_code == 202
    event = Event.model_validate(kafka.records[0][1])
    assert (event.source, event.subject, event.data) == ("/hooks/shop", "customer/1", ORDER)
    assert event.time.isoformat() == "2026-02-02T00:00:00+00:00"


async def test_a_hook_takes_a_batch_of_cloudevents(ingest: Ingest) -> None:
    """Each is an event of its own, and one that is no CloudEvent is its payload; a wrong one stops no other."""
    http, kafka = ingest
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    other = ORDER | {"order": {"id": 8}}
    bad = CE | {"data": {"order": 1}}
    wrong = await http.post(SHOP, content=json.dumps([CE, bad]), headers=headers)
    assert (wrong.status_code, wrong.json()["id"]) == (202, kafka.records[0][1]["id"])
    assert [fault["pointer"] for fault in wrong.json()["unread"]] == ["/1/data"]
    kept: list[Any] = [value for topic, value, _ in kafka.others if topic is REFUSED_DLQ]
    assert kept == [[bad]]
    kafka.records.clear()
    answer = await http.post(SHOP, content=json.dumps([CE, CE | {"id": "8"}, other]), headers=headers)
    assert answer.json()["ids"] == [record["id"] for _, record in kafka.records]
    assert len(set(answer.json()["ids"])) == 3
    assert [record["data"]["order"]["id"] for _, record in kafka.records] == [7, 7, 8]
    assert (await http.post(SHOP, content="[]", headers=headers)).json() == {"ids": []}


async def test_a_compressed_body_is_unpacked_and_a_bomb_is_cut(ingest: Ingest) -> None:
    """Not one byte over the limit is made of it; a broken one is a 400, an unknown encoding a 415."""
    http, kafka = ingest
    body = json.dumps(ORDER).encode()
    for encoding, content in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body)), ("identity", body)):
        answer = await http.post(SHOP, content=content, headers={"Content-Encoding": encoding})
        assert answer.status_code == 202
    assert len(kafka.records) == 3
    bomb = gzip.compress(b" " * 100_000_000)
    answer = await http.post(SHOP, content=bomb, headers={"Content-Encoding": "gzip"})
    assert code(answer) == (413, ErrorCode.BODY_TOO_LARGE)
    for content in (b"nonsense", gzip.compress(body)[:-9]):
        answer = await http.post(SHOP, content=content, headers={"Content-Encoding": "gzip"})
        assert code(answer) == (400, ErrorCode.JSON_INVALID)
    answer = await http.post(SHOP, content=body, headers={"Content-Encoding": "br"})
    assert code(answer) == (415, ErrorCode.MEDIA_UNSUPPORTED)


async def test_memory_is_bounded_by_bytes_too() -> None:
    """A few large bodies at once are refused like many small ones."""
    app, _ = application(max_in_flight_bytes=1_048_576, max_body_bytes=700_000)
    async with client(app) as http:

        async def while_at_work() -> AsyncIterator[bytes]:
            yield b" " * 600_000  # what came counts, not what may come
            answer = await http.post(WHATSAPP, content=b" " * 500_000)
            assert code(answer) == (503, ErrorCode.OVERLOADED)
            yield b'{"from": "1"}'

        assert (await http.post(WHATSAPP, content=while_at_work())).status_code == 202


async def test_what_became_of_an_event_needs_the_token_and_postgresql(ingest: Ingest) -> None:
    """401, 405 and 503 are told apart."""
    http, _ = ingest
    assert code(await http.get("/v1/events/x")) == (401, ErrorCode.UNAUTHENTICATED)
    assert code(await http.post("/v1/events/x", headers=BEARER)) == (405, ErrorCode.METHOD_NOT_ALLOWED)
    assert code(await http.get("/v1/events/x", headers=BEARER)) == (503, ErrorCode.DATABASE_UNAVAILABLE)


async def test_the_openapi_document_knows_declared_triggers(ingest: Ingest) -> None:
    """Their schema and example are there, and every reference leads somewhere."""
    document = (await ingest[0].get("/openapi.json", headers=BEARER)).json()
    assert document["components"]["schemas"]["Declared_webhook.shop"]["required"] == ["order", "customer", "at"]
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        node = document
        for step in reference.split("/"):
            node = node[step]
