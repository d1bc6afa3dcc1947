"""The HTTP contract of ingest: what each request is answered. Kafka is a recorder here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jsonschema_rs
import pytest

from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.triggers.registry import TRIGGERS
from services.ingest import metrics
from services.ingest.app import build, core
from services.ingest.http_problems import pointer
from services.ingest.settings import IngestSettings
from services.ingest.sources.load import Sources
from tests.support.ingest import BEARER, EVENTS_TOKEN, LEADS, TOKEN, WHATSAPP, Recorder, application, client

MESSAGE = {"message_id": "wamid.1", "from": "+351 912 345 678", "text": "Olá 🙂", "contact": {"name": "Inês"}}
EVENT = {
    "specversion": "1.0",
    "id": "order/7",
    "source": "/shop",
    "type": "closum.lead.created",
    "data": {"email": "A@b.pt"},
}


@pytest.fixture
async def ingest() -> AsyncIterator[tuple[httpx.AsyncClient, Recorder]]:
    """A client and what Kafka got."""
    app, recorder = application()
    async with client(app) as http:
        yield http, recorder


Ingest = tuple[httpx.AsyncClient, Recorder]


def problem(response: httpx.Response, status: int, code: ErrorCode) -> dict[str, Any]:
    """The problem of an answer, checked for what every problem has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:closum-flows:error:{code.value}"
    assert (body["status"], body["code"], body["title"]) == (status, code.value, code.meaning)
    assert body["who_must_act"] == code.who_must_act.value
    assert body["detail"]
    return body


async def test_a_hook_becomes_an_event(ingest: Ingest) -> None:
    """202 with the id; the record is an event of the contract, under its own key, with the payload as flows see it."""
    http, kafka = ingest
    response = await http.post(WHATSAPP, json=MESSAGE)
    assert response.status_code == httpx.codes.ACCEPTED
    [(key, record)] = kafka.records
    event = Event.model_validate(record)
    assert response.json() == {"id": event.id}
    assert key == event.key == b"default/351912345678"
    assert (event.source, event.type) == ("/hooks/whatsapp", "closum.whatsapp.message_received")
    assert event.accepted == event.time
    assert event.data["from"] == MESSAGE["from"]
    assert event.data["contact"] == {"name": "Inês", "email": "", "user_id": "", "username": "", "raw": {}}


async def test_a_hook_has_the_account_of_its_source(ingest: Ingest) -> None:
    """Keys of two accounts never meet."""
    http, kafka = ingest
    await http.post(LEADS, json={"email": "A@b.pt"})
    assert kafka.records[0][0] == b"porto/a@b.pt"
    assert kafka.records[0][1]["account"] == "porto"


async def test_the_same_request_has_the_same_id(ingest: Ingest) -> None:
    """From the sender's own id, whatever else differs; else from the body. A different source is a different event."""
    http, kafka = ingest
    for body in (MESSAGE, MESSAGE | {"text": "again"}, {"from": "1"}, {"from": "1"}, {"from": "2"}):
        assert (await http.post(WHATSAPP, json=body)).status_code == httpx.codes.ACCEPTED
    await http.post(LEADS, json={"id": "wamid.1", "email": "a@b.pt"})
    ids = [record["id"] for _, record in kafka.records]
    assert ids[0] == ids[1]
    assert ids[2] == ids[3]
    assert len(set(ids)) == 4


async def test_an_event_without_a_subject_has_its_id_as_subject(ingest: Ingest) -> None:
    """There is always a key, so that one event's own records stay in order."""
    http, kafka = ingest
    await http.post(WHATSAPP, json={"from": "  "})
    assert kafka.records[0][1]["subject"] == kafka.records[0][1]["id"]


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/hooks/none/{TOKEN}",
        "/v1/hooks/whatsapp/wrong",
        f"/v1/hooks/leads/{TOKEN}",
        f"/v1/hooks/whatsapp/{TOKEN}x",
        "/v1/hooks/whatsapp/%C3%A9%FF%00",
    ],
)
async def test_a_wrong_token_and_an_unknown_source_are_the_same_404(ingest: Ingest, path: str) -> None:
    """Byte for byte, for every method: nobody learns which hooks exist."""
    http, kafka = ingest
    answers = [await http.request(method, path, content=b"{") for method in ("POST", "GET", "PUT")]
    answers.append(await http.post("/v1/hooks/whatsapp/another-wrong-token", json=MESSAGE))
    problem(answers[0], 404, ErrorCode.SOURCE_UNKNOWN)
    assert len({answer.content for answer in answers}) == 1
    assert kafka.records == []


async def test_no_json_is_a_400_with_line_and_column(ingest: Ingest) -> None:
    """So that the sender finds it."""
    body = problem(await ingest[0].post(WHATSAPP, content=b'{"from": "1",\n "text": }'), 400, ErrorCode.JSON_INVALID)
    assert (body["line"], body["column"]) == (2, 10)


async def test_a_wrong_shape_is_a_422_with_a_pointer_for_each_field(ingest: Ingest) -> None:
    """RFC 6901, in the sender's own spelling; the values are not repeated."""
    http, kafka = ingest
    body: dict[str, Any] = {"phone": ["secret-value"], "contact": {"full_name": {}}, "text": None}
    errors = problem(await http.post(WHATSAPP, json=body), 422, ErrorCode.SHAPE_INVALID)["errors"]
    assert [error["pointer"] for error in errors] == ["/phone", "/contact/full_name"]
    assert all(error["detail"] for error in errors)
    assert "secret-value" not in json.dumps(errors)
    assert kafka.records == []


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"', b"[[[]]]"])
async def test_a_body_that_is_no_object_is_a_422(ingest: Ingest, body: bytes) -> None:
    """The pointer is the whole document."""
    for path, headers in ((WHATSAPP, {}), ("/v1/events", BEARER)):
        answer = problem(await ingest[0].post(path, content=body, headers=headers), 422, ErrorCode.SHAPE_INVALID)
        assert answer["errors"] == [{"pointer": "", "detail": "must be a JSON object"}]


def test_a_pointer_escapes_what_rfc_6901_says() -> None:
    """A field's name may have a slash or a tilde in it."""
    assert pointer(("a/b", 0, "c~d")) == "/a~1b/0/c~0d"


async def test_too_large_is_a_413_whether_its_length_is_told_or_not() -> None:
    """And what is just small enough is taken."""
    app, kafka = application(max_body_bytes=1024)
    fits = json.dumps({"from": "1", "text": ""}).encode()
    fits = fits.replace(b'""', b'"%s"' % (b"x" * (1024 - len(fits))))

    async def chunked(body: bytes) -> AsyncIterator[bytes]:
        yield body[:500]
        yield body[500:]

    async with client(app) as http:
        for content in (fits + b" ", chunked(fits + b" ")):
            body = problem(await http.post(WHATSAPP, content=content), 413, ErrorCode.BODY_TOO_LARGE)
            assert body["limit_bytes"] == 1024
        assert kafka.records == []
        for content in (fits, chunked(fits)):
            assert (await http.post(WHATSAPP, content=content)).status_code == httpx.codes.ACCEPTED


async def test_another_method_is_a_405(ingest: Ingest) -> None:
    """With what is allowed, which OPTIONS asks for."""
    for path in (WHATSAPP, "/v1/events"):
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
            response = await ingest[0].request(method, path, headers=BEARER)
            assert (response.status_code, response.headers["allow"]) == (405, "POST, OPTIONS")
            if method != "HEAD":  # whose answer has no body
                told = problem(response, 405, ErrorCode.METHOD_NOT_ALLOWED)
                assert told["detail"] == f"This address takes POST, not {method}."
        response = await ingest[0].options(path)
        assert (response.status_code, response.headers["allow"]) == (200, "POST, OPTIONS")
    for path in ("/", "/docs", "/openapi.json"):
        assert (await ingest[0].head(path, headers=BEARER)).status_code == 200
        response = await ingest[0].post(path, headers=BEARER)
        problem(response, 405, ErrorCode.METHOD_NOT_ALLOWED)
        assert response.headers["allow"] == "GET, HEAD"


HOOK_FORM = "A hook is at /v1/hooks/{source}/{token}, or at /v1/hooks/{source}"
EVENT_FORM = "Events go to /v1/events, without any slash more"


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/nope", "Hooks are at /v1/hooks/{source}/{token}, events at /v1/events."),
        ("/v1/hooks/", HOOK_FORM),
        ("/v1/hooks/whatsapp/", HOOK_FORM),
        (f"{WHATSAPP}/", HOOK_FORM),
        (f"{WHATSAPP}//", HOOK_FORM),
        (f"{WHATSAPP}/x", HOOK_FORM),
        (f"/{WHATSAPP}", HOOK_FORM),
        (WHATSAPP.replace("/hooks/", "//hooks/"), HOOK_FORM),
        (WHATSAPP.replace("/v1/hooks/", "/V1/Hooks/"), HOOK_FORM),
        ("/v1/events/", EVENT_FORM),
        ("//v1/events", EVENT_FORM),
        ("/v1/event", EVENT_FORM),
        ("/docs/", "Take the slash at its end away."),
    ],
)
async def test_another_address_is_a_404_that_names_the_right_one(ingest: Ingest, path: str, form: str) -> None:
    """By its form, and without the token; whatever the method. No redirect: it could show a token to somebody else."""
    http, kafka = ingest
    for method in ("POST", "GET", "PUT"):
        answer = await http.request(method, f"http://ingest{path}", json=MESSAGE, headers=BEARER)
        detail = problem(answer, 404, ErrorCode.SOURCE_UNKNOWN)["detail"]
        assert (form in detail, "/docs" in detail, TOKEN in answer.text) == (True, True, False), detail
    assert kafka.records == []


async def test_kafka_away_is_a_503_with_retry_after(ingest: Ingest) -> None:
    """As the publisher says it."""
    http, kafka = ingest
    kafka.refuse = kafka._unavailable()
    response = await http.post(WHATSAPP, json=MESSAGE)
    problem(response, 503, ErrorCode.KAFKA_UNAVAILABLE)
    assert int(response.headers["retry-after"]) > 0


async def test_over_the_bound_in_flight_is_a_503_at_once() -> None:
    """A place is given back after success and after failure alike."""
    app, kafka = application(max_in_flight=1)
    async with client(app) as http:

        async def while_at_work() -> AsyncIterator[bytes]:
            response = await http.post(WHATSAPP, json=MESSAGE)
            problem(response, 503, ErrorCode.OVERLOADED)
            assert int(response.headers["retry-after"]) > 0
            yield json.dumps(MESSAGE).encode()

        assert (await http.post(WHATSAPP, content=while_at_work())).status_code == httpx.codes.ACCEPTED
        assert (await http.post(WHATSAPP, content=b"{")).status_code == httpx.codes.BAD_REQUEST
        assert (await http.post(WHATSAPP, json=MESSAGE)).status_code == httpx.codes.ACCEPTED
    assert len(kafka.records) == 2


async def test_a_bug_is_a_500_without_a_stack_trace(ingest: Ingest, caplog: pytest.LogCaptureFixture) -> None:
    """The answer says what to do; the log has the rest, and never the token."""
    http, kafka = ingest
    kafka.refuse = ZeroDivisionError("inside")
    response = await http.post(WHATSAPP, json=MESSAGE)
    assert "inside" not in json.dumps(problem(response, 500, ErrorCode.BUG))
    assert TOKEN not in caplog.text


async def test_an_event_is_taken_as_it_is(ingest: Ingest) -> None:
    """Its id, source and extensions are kept; its data is read as the trigger's payload."""
    http, kafka = ingest
    response = await http.post(
        "/v1/events", json=EVENT | {"time": "2026-01-02T03:04:05Z", "traceid": "x", "accepted": "never"}, headers=BEARER
    )
    assert (response.status_code, response.json()) == (httpx.codes.ACCEPTED, {"id": "order/7"})
    [(key, record)] = kafka.records
    event = Event.model_validate(record)
    assert key == event.key == b"default/a@b.pt"
    assert (record["time"], record["traceid"]) == ("2026-01-02T03:04:05Z", "x")
    assert event.data["email"] == "A@b.pt"
    assert event.data["tags"] == []
    assert event.accepted is not None


async def test_an_event_may_name_its_own_subject(ingest: Ingest) -> None:
    """The order that matters is the sender's to say."""
    http, kafka = ingest
    for _ in range(2):
        await http.post("/v1/events", json=EVENT | {"subject": "lead/9", "account": "porto"}, headers=BEARER)
    assert [key for key, _ in kafka.records] == [b"porto/lead/9"] * 2


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", f"Basic {EVENTS_TOKEN}", EVENTS_TOKEN, f"Bearer {EVENTS_TOKEN}é"]
)
async def test_an_event_needs_the_bearer_token(ingest: Ingest, authorization: str) -> None:
    """Without it 401, before the body is looked at."""
    http, kafka = ingest
    headers = {b"Authorization": authorization.encode()}
    response = await http.post("/v1/events", json=EVENT, headers=headers)
    problem(response, 401, ErrorCode.UNAUTHENTICATED)
    assert response.headers["www-authenticate"] == "Bearer"
    assert kafka.records == []


async def test_without_a_token_set_no_event_is_taken() -> None:
    """Also no empty token."""
    settings = IngestSettings(events_token=None)
    async with client(build(settings, Sources(), core(settings, Recorder(settings)))) as http:
        for authorization in ("Bearer ", "Bearer"):
            response = await http.post("/v1/events", json=EVENT, headers={"Authorization": authorization})
            problem(response, 401, ErrorCode.UNAUTHENTICATED)


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"specversion": "0.3"}, ["/specversion"]),
        ({"id": ""}, ["/id"]),
        ({"id": None, "source": 1}, ["/id", "/source"]),
        ({"time": "yesterday"}, ["/time"]),
        ({"time": "2026-01-02T03:04:05"}, ["/time"]),
        ({"subject": "x" * 513}, ["/subject"]),
        ({"data": None}, ["/data"]),
        ({"data": [1]}, ["/data"]),
        ({"data": {"tags": {}}}, ["/data/tags"]),
        ({"type": 5}, ["/type"]),
        ({"type": None, "id": None}, ["/id", "/type"]),
        ({"type": "closum.lead.craeted"}, ["/type"]),
        ({"datacontenttype": "text/plain"}, ["/datacontenttype"]),
    ],
)
async def test_a_wrong_event_is_a_422_with_pointers(
    ingest: Ingest, change: dict[str, Any], pointers: list[str]
) -> None:
    """Into the envelope or into its data."""
    http, kafka = ingest
    body = problem(await http.post("/v1/events", json=EVENT | change, headers=BEARER), 422, ErrorCode.SHAPE_INVALID)
    assert [error["pointer"] for error in body["errors"]] == pointers
    assert kafka.records == []


async def test_an_unknown_type_is_answered_with_the_nearest(ingest: Ingest) -> None:
    """Or with the first of those there are."""
    answers = [
        await ingest[0].post("/v1/events", json=EVENT | {"type": name}, headers=BEARER)
        for name in ("closum.lead.craeted", "x")
    ]
    assert "did you mean 'closum.lead.created'?" in answers[0].json()["detail"]
    assert all(name in answers[1].json()["detail"] for name in TRIGGERS if name.startswith("closum."))


async def test_answers_are_counted_by_source_and_status(ingest: Ingest) -> None:
    """Labels are bounded: a stranger's source is `unknown`."""

    def counted(source: str, status: int) -> float:
        return float(metrics.INGEST_RESPONSES.labels(source=source, status=str(status))._value.get())

    before = counted("whatsapp", 202), counted("unknown", 404), counted("unknown", 401)
    await ingest[0].post(WHATSAPP, json=MESSAGE)
    await ingest[0].post("/v1/hooks/stranger/x", json=MESSAGE)
    await ingest[0].post("/v1/events", json=EVENT)
    after = counted("whatsapp", 202), counted("unknown", 404), counted("unknown", 401)
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1]


@pytest.fixture
async def document() -> dict[str, Any]:
    """The OpenAPI document."""
    async with client(application(docs_open=True)[0]) as http:
        made: dict[str, Any] = (await http.get("/openapi.json")).json()
    return made


async def test_the_openapi_document_describes_every_route(ingest: Ingest, document: dict[str, Any]) -> None:
    """As it is served; every reference in it leads somewhere; / leads to /docs."""
    served = (await ingest[0].get("/openapi.json", headers=BEARER)).json()
    assert served == document
    assert set(served["paths"]) == {
        "/v1/hooks/{source}/{token}",
        "/v1/hooks/{source}",
        "/v1/events",
        "/v1/events/{id}",
    }
    text = json.dumps(served)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        node = served
        for step in reference.split("/"):
            node = node[step]
    assert (await ingest[0].get("/")).json()["docs"] == "/docs"


async def test_the_openapi_document_is_true(ingest: Ingest, document: dict[str, Any]) -> None:
    """Its examples are accepted, and what is answered is of the schema that it promises."""
    http, kafka = ingest
    components = {"components": document["components"]}

    def of(path: str, response: httpx.Response) -> None:
        told = document["paths"][path]["post"]["responses"][str(response.status_code)]["content"]
        [(kind, body)] = told.items()
        assert response.headers["content-type"] == kind
        jsonschema_rs.validator_for(body["schema"] | components).validate(response.json())

    paths = document["paths"]
    hook, event = "/v1/hooks/{source}/{token}", "/v1/events"
    examples = paths[hook]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for name, path in (("closum.whatsapp.message_received", WHATSAPP), ("closum.lead.created", LEADS)):
        of(hook, await http.post(path, json=examples[name]["value"]))
    [example] = paths[event]["post"]["requestBody"]["content"]["application/cloudevents+json"]["examples"].values()
    of(event, await http.post("/v1/events", json=example["value"], headers=BEARER))
    assert len(kafka.records) == 3
    of(event, await http.post("/v1/events", json=example["value"]))
    of(hook, await http.post("/v1/hooks/x/y"))
    for content in (b"{", b"{}", b" " * 300_000):
        of(hook, await http.post(WHATSAPP, content=content))
    kafka.refuse = kafka._unavailable()
    of(hook, await http.post(WHATSAPP, json=MESSAGE))
