"""Forms on web pages: what a browser asks before a page may send, and what it lets the page read of the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from contracts.errors import ErrorCode
from services.ingest.sources.document import SourcesError
from services.ingest.sources.load import declarations, load
from tests.support.ingest import Recorder, application, client

TOKEN = "token-0123456789abcdef"
PAGE = "https://www.example.com"
LOCAL = "http://localhost:3000"
FILE = f"""\
sources:
  form: {{ trigger: closum.lead.created, token: {{ env: T }}, origins: [ "{PAGE}", "{LOCAL}" ] }}
  signed:
    trigger: closum.lead.created
    authentication: {{ preset: github, secret: {{ env: T }} }}
    origins: [ "{PAGE}" ]
  plain: {{ trigger: closum.lead.created, token: {{ env: T }} }}
"""
FORM = f"/v1/hooks/form/{TOKEN}"
ASKS = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
STRANGERS = [
    "https://example.com",
    "https://www.example.com.evil.example",
    "https://www.example.com:8443",
    "http://www.example.com",
    "https://WWW.example.com",
    f"{PAGE}/",
    f"{PAGE}, {LOCAL}",
    "null",
    "*",
]


@pytest.fixture
async def ingest(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Recorder]]:
    """A client, and what Kafka got."""
    (tmp_path / "sources.yaml").write_text(FILE)
    app, recorder = application(load(tmp_path / "sources.yaml", {"T": TOKEN}))
    async with client(app) as http:
        yield http, recorder


Ingest = tuple[httpx.AsyncClient, Recorder]


def shown(answer: httpx.Response) -> dict[str, str]:
    """What an answer says to browsers."""
    return {
        name: value for name, value in answer.headers.items() if name.startswith("access-control") or name == "vary"
    }


@pytest.mark.parametrize("origin", [PAGE, LOCAL])
@pytest.mark.parametrize("path", [FORM, "/v1/hooks/signed"])
async def test_a_preflight_of_a_declared_origin_is_answered(ingest: Ingest, path: str, origin: str) -> None:
    """With exactly this origin, the headers that were asked for, and never with credentials; it needs no proof."""
    answer = await ingest[0].options(path, headers=ASKS | {"Origin": origin})
    if path != FORM and origin == LOCAL:
        assert answer.status_code == 403
        return
    assert (answer.status_code, answer.content) == (204, b"")
    assert shown(answer) == {
        "vary": "Origin",
        "access-control-allow-origin": origin,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "content-type",
        "access-control-max-age": "7200",
        "access-control-expose-headers": "Retry-After",
    }


async def test_a_page_reads_every_answer(ingest: Ingest) -> None:
    """Taken or refused: what is wrong with a field is the page's to show."""
    http, kafka = ingest
    for content, status in (({"email": "a@b.pt"}, 202), ({"email": ["a"]}, 422)):
        answer = await http.post(FORM, json=content, headers={"Origin": PAGE})
        assert (answer.status_code, shown(answer)["access-control-allow-origin"]) == (status, PAGE)
        assert shown(answer)["vary"] == "Origin"
    answer = await http.post(FORM, data={"email": "c@d.pt"}, headers={"Origin": LOCAL})
    assert (answer.status_code, shown(answer)["access-control-allow-origin"]) == (202, LOCAL)
    for method, status in (("PUT", 405), ("GET", 405)):
        answer = await http.request(method, FORM, headers={"Origin": PAGE})
        assert (answer.status_code, shown(answer)["access-control-allow-origin"]) == (status, PAGE)
    assert (await http.post("/v1/hooks/signed", json={}, headers={"Origin": PAGE})).status_code == 401
    assert [record["data"]["email"] for _, record in kafka.records] == ["a@b.pt", "c@d.pt"]


@pytest.mark.parametrize("origin", STRANGERS)
async def test_another_origin_is_told_so_before_its_body_is_read(ingest: Ingest, origin: str) -> None:
    """403, to the preflight and to the request: some requests of pages are made without asking before."""
    http, kafka = ingest

    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    for answer in (
        await http.options(FORM, headers=ASKS | {"Origin": origin}),
        await http.post(FORM, content=body(), headers={"Origin": origin}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, ErrorCode.UNAUTHENTICATED)
        assert shown(answer) == {"vary": "Origin"}
        assert ("hides its origin" if origin == "null" else "Add it to its `origins:`") in answer.json()["detail"]
    assert kafka.records == []


async def test_a_page_may_use_each_method_that_the_source_takes(tmp_path: Path) -> None:
    """Also GET, where a query is an event."""
    sms = f"{{ schema: {{ type: object }}, from_query: true, token: {{ env: T }}, origins: [ {PAGE} ] }}"
    (tmp_path / "sources.yaml").write_text(f"sources:\n  sms: {sms}\n")
    app, _ = application(load(tmp_path / "sources.yaml", {"T": TOKEN}))
    async with client(app) as http:
        answer = await http.options(f"/v1/hooks/sms/{TOKEN}", headers=ASKS)
        assert (answer.status_code, answer.headers["access-control-allow-methods"]) == (204, "POST, GET")
        answer = await http.get(f"/v1/hooks/sms/{TOKEN}?a=1", headers={"Origin": PAGE})
        assert (answer.status_code, shown(answer)["access-control-allow-origin"]) == (202, PAGE)
        answer = await http.get(f"/v1/hooks/sms/{TOKEN}?a=1", headers={"Origin": LOCAL})
        assert (answer.status_code, shown(answer)) == (403, {"vary": "Origin"})


async def test_who_is_no_page_is_asked_nothing(ingest: Ingest) -> None:
    """A server sends no Origin; caches are told all the same that answers differ."""
    answer = await ingest[0].post(FORM, json={"email": "a@b.pt"})
    assert (answer.status_code, shown(answer)) == (202, {"vary": "Origin"})


async def test_a_source_without_origins_goes_on_as_before(ingest: Ingest) -> None:
    """Its answers say nothing to browsers; who asks is told what would have to be declared."""
    http, _ = ingest
    answer = await http.post(f"/v1/hooks/plain/{TOKEN}", json={"email": "a@b.pt"}, headers={"Origin": PAGE})
    assert (answer.status_code, shown(answer)) == (202, {})
    answer = await http.options(f"/v1/hooks/plain/{TOKEN}", headers=ASKS)
    assert (answer.status_code, shown(answer), "`origins:`" in answer.json()["detail"]) == (403, {}, True)
    answer = await http.options("/v1/hooks/form/wrong-token", headers=ASKS)
    assert (answer.status_code, shown(answer)) == (404, {})


@pytest.mark.parametrize("asked", ["x\ty: z", "x" * 2000, "a;b"])
async def test_only_names_of_headers_come_back(ingest: Ingest, asked: str) -> None:
    """What a stranger writes is not repeated otherwise."""
    answer = await ingest[0].options(FORM, headers=ASKS | {"Access-Control-Request-Headers": asked})
    assert (answer.status_code, "access-control-allow-headers" in answer.headers) == (204, False)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("'*'", "https://www.example.com"),
        ("'null'", "https://www.example.com"),
        ("''", "https://www.example.com"),
        ("www.shop.pt", "https://www.example.com"),
        ("https://www.shop.pt/", "such as https://www.shop.pt:"),
        ("https://www.shop.pt/contact?x=1", "such as https://www.shop.pt:"),
        ("HTTPS://Www.Shop.pt", "such as https://www.shop.pt:"),
        ("https://www.shop.pt:443", "such as https://www.shop.pt:"),
        ("https://www.shop.pt:08443", "such as https://www.shop.pt:"),
        ("http://shop.pt:80/", "such as http://shop.pt:"),
        ("https://shop.pt:8443/", "such as https://shop.pt:8443:"),
        ("https://*.shop.pt", "https://www.example.com"),
        ("https://user@shop.pt", "https://www.example.com"),
        ("https://lojã.pt", "https://www.example.com"),
        ("https://shop.pt:99999", "such as https://shop.pt:"),
        ("7", "valid string"),
    ],
)
def test_a_malformed_origin_is_told_with_its_place(written: str, meant: str, tmp_path: Path) -> None:
    """By ingest at its start and by `flows check`: a page of an origin that no browser writes could never send."""
    path = tmp_path / "sources.yaml"
    path.write_text(
        f"sources:\n  form: {{ trigger: closum.lead.created, token: {{ env: T }},\n    origins: [ {written} ] }}\n"
    )
    with pytest.raises(SourcesError) as raised:
        load(path, {"T": TOKEN})
    [fault] = declarations(path).faults
    assert (fault.line, "sources.form.origins" in fault.text, meant in fault.text) == (3, True, True), fault.text
    assert fault.text in str(raised.value)


@pytest.mark.parametrize(
    "written", ["https://shop.pt", "http://127.0.0.1:8000", "https://[::1]:3000", "https://xn--loj-vla.pt"]
)
def test_an_origin_as_browsers_write_it_is_taken(written: str, tmp_path: Path) -> None:
    """Also of a machine of one's own."""
    path = tmp_path / "sources.yaml"
    path.write_text(
        f'sources:\n  form: {{ trigger: closum.lead.created, token: {{ env: T }}, origins: [ "{written}" ] }}\n'
    )
    [hook] = load(path, {"T": TOKEN}).hooks
    assert hook.origins == {written.encode()}


def test_nothing_is_asked_of_what_is_not_sent(tmp_path: Path) -> None:
    """A schedule has no pages."""
    path = tmp_path / "sources.yaml"
    path.write_text('sources:\n  one: { schedule: { every: 1h }, origins: [ "https://shop.pt" ] }\n')
    with pytest.raises(SourcesError, match="are for what comes in"):
        load(path, {})
