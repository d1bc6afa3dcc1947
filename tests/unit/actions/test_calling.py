"""The call that actions are given: where it goes, with what, and what is made of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError, Query, RequestBody
from services.actions.attempt.http import HttpCall
from services.actions.connections import Connection
from services.actions.connections.parts import RequestCredentials
from services.actions.connections.request_signing import RequestSigning
from services.flows.catalogue import Guarantee
from services.flows.idempotency import IdempotencyKey
from services.runtime.documents.secrets import Mask
from services.runtime.http import CallError, Client, HttpAnswer, Sent

CRM = Connection("crm", "https://crm.example/api", {"Authorization": "Bearer t0ken-x"}, "", Mask(("t0ken-x",)))
HOSTS = Connection("crm", "https://crm.example/api", query="k=v", allowed_hosts=("files.example.com", "*.cdn.example"))
CLOSUM = Connection("closum", "https://closum.example/v2", {}, "api-key=k3y-x", Mask(("k3y-x",)))


class FakeClient:
    """Answers what a test says and notes what it was asked."""

    def __init__(self, answer: HttpAnswer | CallError | None = None) -> None:
        self.answer = answer or HttpAnswer(200, {}, b"")
        self.url, self.method = "", "POST"
        self.headers: dict[str, str] = {}
        self.content: bytes | None = None
        self.seconds = 0.0

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes | None,
        seconds: float,
        any_port: bool = True,
    ) -> HttpAnswer:
        """As the real one."""
        assert method == self.method
        self.any_port = any_port
        self.url, self.headers, self.content, self.seconds = url, dict(headers), content, seconds
        if isinstance(self.answer, CallError):
            raise self.answer
        return self.answer


class Redirecting(FakeClient):
    """Answers one after the other, and notes each request."""

    def __init__(self, *answers: HttpAnswer) -> None:
        super().__init__()
        self.answers = list(answers)
        self.made: list[dict[str, Any]] = []

    async def call(self, method: str, url: str, **named: Any) -> HttpAnswer:
        """As the real one."""
        self.made.append({"method": method, "url": url, "content": named["content"], "headers": named["headers"]})
        self.answer = self.answers.pop(0)
        return await super().call(method, url, **named)


async def ask(client: FakeClient, connection: Connection | None, url: str, *, method: str = "POST", **more: Any) -> Any:
    """One call."""
    call = HttpCall(cast("Client", client), connection, "e1", 7)
    assert call.guarantee is None
    try:
        return await call(method, url, **({"guarantee": Guarantee.AT_MOST_ONCE} | more))
    finally:
        assert client.url == "" or call.guarantee is not None


@pytest.mark.parametrize(
    ("connection", "url", "query", "whole"),
    [
        (CRM, "/contacts", None, "https://crm.example/api/contacts"),
        (
            CRM,
            "contacts",
            {"a": "b c", "t": True, "l": ["1", "2"]},
            "https://crm.example/api/contacts?a=b+c&t=true&l=1&l=2",
        ),
        (CRM, "/contacts?x=1#part", {"y": 2}, "https://crm.example/api/contacts?x=1&y=2"),
        (CRM, "/time/12:30", None, "https://crm.example/api/time/12:30"),
        (CRM, "/a..b/...", None, "https://crm.example/api/a..b/..."),
        (CLOSUM, "lead/add/", None, "https://closum.example/v2/lead/add/?api-key=k3y-x"),
        (CLOSUM, "lead/?page=1#x", {"n": 1}, "https://closum.example/v2/lead/?page=1&n=1&api-key=k3y-x"),
        (None, "https://example.com/x?y=1", {"z": 1}, "https://example.com/x?y=1&z=1"),
        (HOSTS, "https://files.example.com/a?x=1", None, "https://files.example.com/a?x=1&k=v"),
        (HOSTS, "https://a.b.cdn.example/a", {"y": 2}, "https://a.b.cdn.example/a?y=2&k=v"),
        (HOSTS, "HTTPS://FILES.EXAMPLE.COM:443/", None, "HTTPS://FILES.EXAMPLE.COM:443/?k=v"),
    ],
)
async def test_where_it_goes(connection: Connection | None, url: str, query: Query | None, whole: str) -> None:
    """Below the connection's base address, with its key at the end."""
    client = FakeClient()
    await ask(client, connection, url, query=query)
    assert client.url == whole


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (CRM, "https://crm.example/api/contacts"),
        (CRM, "HTTPS://evil.example/"),
        (CRM, "//evil.example/x"),
        (CRM, "/../admin"),
        (CRM, "/contacts/%2e%2E/admin"),
        (CRM, "/contacts/..\\admin"),
        (CRM, "/contacts/..?x=1"),
        (HOSTS, "http://files.example.com/a"),
        (HOSTS, "https://files.example.com:8443/a"),
        (HOSTS, "https://files.example.com.evil.example/a"),
        (HOSTS, "https://evilfiles.example.com/a"),
        (HOSTS, "https://cdn.example/a"),
        (HOSTS, "https://evil.example\\.cdn.example/a"),
        (HOSTS, "https://evil.example%2f.cdn.example/a"),
        (HOSTS, "https://evil.example/#.cdn.example/a"),
        (HOSTS, "https://evil.example?.cdn.example/a"),
        (HOSTS, "https://files.example.com@evil.example/a"),
        (HOSTS, "//files.example.com/a"),
        (None, "/contacts"),
        (None, "ftp://example.com/"),
        (None, "https://user:pass@example.com/"),
        (None, "https://example.com:99999/"),
        (None, "https://[::1/"),
    ],
)
async def test_where_it_must_not_go(connection: Connection | None, url: str) -> None:
    """A value of an event in the path cannot carry the credentials elsewhere. Nothing is sent."""
    client = FakeClient()
    with pytest.raises(CallFailedError) as raised:
        await ask(client, connection, url)
    assert (raised.value.code, raised.value.effect_possible) == (ErrorCode.INPUT_INVALID, False)
    assert client.url == ""


async def test_what_goes_along() -> None:
    """The body with its type, the author's headers, the connection's credentials, the key, the deadline."""
    client = FakeClient()
    await ask(client, CRM, "/x", guarantee=Guarantee.KEYED, body=RequestBody.json({"a": 1}), headers={"X-A": "b"})
    assert client.headers == {
        "X-A": "b",
        "Content-Type": "application/json",
        "Idempotency-Key": '"e1"',
        "Authorization": "Bearer t0ken-x",
    }
    assert (client.content, client.seconds) == (b'{"a":1}', 7)
    await ask(
        client, None, "https://x.example/", headers={"Content-Type": "text/csv"}, body=RequestBody(b"a,b", "text/plain")
    )
    assert client.headers == {"Content-Type": "text/csv"}
    declared = replace(CRM, idempotency=IdempotencyKey("X-Request-Key"))
    await ask(client, declared, "/x", guarantee=Guarantee.KEYED)
    assert client.headers == {"X-Request-Key": "e1", "Authorization": "Bearer t0ken-x"}
    await ask(client, declared, "/x", guarantee=Guarantee.AT_MOST_ONCE)
    assert client.headers == {"Authorization": "Bearer t0ken-x"}


async def test_each_header_goes_once_whatever_its_case() -> None:
    """A step's type replaces the body's; what is the connection's or the key's is refused, and nothing is sent."""
    client = FakeClient()
    own = Connection("crm", "https://crm.example", headers={"X-Api-Key": "t0ken-x"}, idempotency=IdempotencyKey("X-Id"))
    body = RequestBody.json({})
    await ask(client, own, "/x", headers={"content-type": "application/merge-patch+json"}, body=body)
    assert client.headers == {"content-type": "application/merge-patch+json", "X-Api-Key": "t0ken-x"}
    await ask(client, own, "/x", headers={"x-id": "theirs"}, guarantee=Guarantee.AT_MOST_ONCE)
    assert client.headers == {"x-id": "theirs", "X-Api-Key": "t0ken-x"}
    client = FakeClient()
    own = replace(own, signing=RequestSigning(b"k", "X-Signature"))
    for headers, told in (
        ({"x-api-key": "mine"}, "the connection's own"),
        ({"x-id": "mine"}, "the effect's key"),
        ({"x-signature": "mine"}, "the connection's signature"),
    ):
        with pytest.raises(CallFailedError, match=told) as raised:
            await ask(client, own, "/x", headers=headers, guarantee=Guarantee.KEYED)
        assert (raised.value.code, client.url) == (ErrorCode.INPUT_INVALID, "")


@pytest.mark.parametrize("given", [{"url": "/x?api%2Dkey=a"}, {"url": "/x", "query": {"api-key": "a"}}], ids=str)
async def test_a_secret_in_the_query_stands_there_once(given: dict[str, Any]) -> None:
    """As with headers: two of them mean what the destination takes them for."""
    client = FakeClient()
    own = Connection("closum", "https://api.example", query="api-key=s3cret")
    with pytest.raises(CallFailedError, match="'api-key' is the connection's own") as raised:
        await ask(client, own, **given)
    assert (raised.value.code, client.url) == (ErrorCode.INPUT_INVALID, "")
    await ask(client, own, "/x?key=1", query={"a": 2})
    assert client.url == "https://api.example/x?key=1&a=2&api-key=s3cret"


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_success(status: int) -> None:
    """Any 2xx; secrets that the destination repeats are masked."""
    answer = HttpAnswer(status, {"x-echo": "Bearer t0ken-x"}, b"you sent t0ken-x")
    reply = await ask(FakeClient(answer), CRM, "/x")
    assert (reply.status, reply.headers["x-echo"], reply.body) == (status, "Bearer [hidden]", b"you sent [hidden]")


async def test_the_author_says_what_success_is() -> None:
    """Then nothing else is."""
    assert (await ask(FakeClient(HttpAnswer(404, {}, b"")), CRM, "/x", accept=frozenset({404}))).status == 404
    with pytest.raises(CallFailedError):
        await ask(FakeClient(HttpAnswer(200, {}, b"")), CRM, "/x", accept=frozenset({404}))


async def test_an_error_answer_is_told_without_secrets() -> None:
    """Status, place, what the body says in one line, when to come back."""
    answer = HttpAnswer(503, {"retry-after": "7"}, b"busy,\n  t0ken-x")
    with pytest.raises(CallFailedError) as raised:
        await ask(FakeClient(answer), CRM, "/x?y=private")
    error = raised.value
    assert error.cause == "POST https://crm.example/api/x: HTTP 503: busy, [hidden]"
    assert (error.code, error.retriable, error.effect_possible) == (ErrorCode.DESTINATION_BUSY, True, False)
    assert error.retry_after_seconds == 7


async def test_a_redirect_is_told() -> None:
    """It is not followed: the author writes the address it points to."""
    answer = HttpAnswer(302, {"location": "https://elsewhere.example/?token=1"}, b"")
    with pytest.raises(CallFailedError, match=r"it points to 'https://elsewhere\.example/'") as raised:
        await ask(FakeClient(answer), CRM, "/x")
    assert raised.value.code is ErrorCode.CALL_REJECTED


@pytest.mark.parametrize("status", [301, 307, 308])
@pytest.mark.parametrize(("asked", "there"), [("/lead/add", "/v2/lead/add/"), ("/lead/add/", "/v2/lead/add")])
async def test_a_redirect_to_the_slash_at_the_end_loses_neither_body_nor_key(
    asked: str, there: str, status: int
) -> None:
    """The same request goes to our own address with it, and the redirect's query counts for nothing."""
    moved = HttpAnswer(status, {"location": f"{there}?api-key=theirs"}, b"")
    client = Redirecting(moved, HttpAnswer(200, {}, b"{}"))
    await ask(client, CLOSUM, asked, body=RequestBody.json({"a": 1}))
    first, second = client.made
    assert (second["method"], second["content"], second["headers"]) == (
        *(first["method"], first["content"], first["headers"]),
    )
    assert second["url"] == first["url"].replace(f"/v2{asked}", there)


async def test_what_may_have_been_done_is_not_sent_again_for_a_redirect() -> None:
    """302 is how many say "done, look there" to a POST (RFC 9110, 15.4.3); a GET may follow it."""
    moved = HttpAnswer(302, {"location": "/v2/lead/"}, b"")
    client = Redirecting(moved, HttpAnswer(200, {}, b"{}"))
    with pytest.raises(CallFailedError, match="redirects are not followed"):
        await ask(client, CLOSUM, "/lead", body=RequestBody.json({"a": 1}))
    assert len(client.made) == 1
    client = Redirecting(moved, HttpAnswer(200, {}, b"{}"))
    client.method = "GET"
    await ask(client, CLOSUM, "/lead", method="GET")
    assert len(client.made) == 2


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.example/v2/x/",
        "http://closum.example/v2/x/",
        "https://closum.example:444/v2/x/",
        "https://closum.example@evil.example/v2/x/",
        "https://user@closum.example/v2/x/",
        "//evil.example/v2/x/",
        "https://closum.example.evil.example/v2/x/",
        "/v2/x/y/",
        "/v2/x//",
        "https://[broken/v2/x/",
        "https://closum.example:port/v2/x/",
        "",
    ],
)
async def test_no_other_redirect_gets_the_key(location: str) -> None:
    client = Redirecting(HttpAnswer(308, {"location": location} if location else {}, b""))
    with pytest.raises(CallFailedError, match="redirects are not followed"):
        await ask(client, CLOSUM, "/x")
    assert len(client.made) == 1


async def test_a_slash_that_comes_and_goes_for_ever_ends_at_once() -> None:
    """One step, then it is told as any redirect."""
    client = Redirecting(HttpAnswer(308, {"location": "/v2/x/"}, b""), HttpAnswer(308, {"location": "/v2/x"}, b""))
    with pytest.raises(CallFailedError, match="redirects are not followed"):
        await ask(client, CLOSUM, "/x")


@pytest.mark.parametrize(("sent", "happened"), [(Sent.NO, False), (Sent.EFFECT_POSSIBLE, True)])
async def test_no_answer(*, sent: Sent, happened: bool) -> None:
    """What is known of it is handed on."""
    error = CallError(ErrorCode.CALL_TIMED_OUT, "POST https://x/k3y-x: nothing came", sent)
    with pytest.raises(CallFailedError) as raised:
        await ask(FakeClient(error), CLOSUM, "/x")
    assert (raised.value.code, raised.value.effect_possible) == (ErrorCode.CALL_TIMED_OUT, happened)
    assert raised.value.cause == "POST https://x/[hidden]: nothing came"


class FakeCredentials:
    """Notes what became of what it granted."""

    def __init__(self) -> None:
        self.granted = RequestCredentials({"Authorization": "Bearer y0ung"}, Mask(("y0ung",)))
        self.told: list[Any] = []

    async def current(self) -> RequestCredentials:
        """Always the same."""
        return self.granted

    def accepted(self, used: RequestCredentials) -> None:
        """As credentials."""
        self.told.append((used is self.granted, "accepted"))

    def refused(self, used: RequestCredentials, *, denied: bool) -> None:
        """As credentials."""
        self.told.append((used is self.granted, denied))


@pytest.mark.parametrize(("status", "told"), [(200, "accepted"), (500, "accepted"), (401, False), (403, True)])
async def test_credentials_that_change_are_told_what_became_of_them(status: int, told: object) -> None:
    """They go along, and are masked in what comes back, as the connection's own secret is."""
    credentials = FakeCredentials()
    client = FakeClient(HttpAnswer(status, {"x-echo": "y0ung t0ken-x"}, b"y0ung t0ken-x"))
    used = replace(CRM, credentials=credentials)
    try:
        said = repr((await ask(client, used, "/x")).body)
    except CallFailedError as error:
        said = error.cause
    assert client.headers["Authorization"] == "Bearer y0ung"
    assert credentials.told == [(True, told)]
    assert "[hidden] [hidden]" in said


async def test_what_was_refused_is_told_in_words() -> None:
    """By the type of the answer; a redirect to nowhere; where a connection has no further hosts, none are named."""
    page = HttpAnswer(422, {"content-type": "text/html"}, b"<p>no <b>name</b></p>")
    with pytest.raises(CallFailedError, match=r"HTTP 422: no name$"):
        await ask(FakeClient(page), CRM, "/x")
    with pytest.raises(CallFailedError, match=r"it points to 'nowhere'$"):
        await ask(FakeClient(HttpAnswer(302, {}, b"")), CRM, "/x")
    for connection, told in (
        (CRM, "a path below https://crm.example/api"),
        (HOSTS, "files.example.com, *.cdn.example"),
    ):
        with pytest.raises(CallFailedError) as raised:
            await ask(FakeClient(), connection, "https://evil.example/x")
        assert raised.value.cause.endswith(told)


async def test_a_name_without_a_value_is_one_too() -> None:
    """A connection's own parameter cannot be emptied."""
    own = Connection("closum", "https://api.example", query="api-key=s3cret")
    with pytest.raises(CallFailedError, match="'api-key' is the connection's own"):
        await ask(FakeClient(), own, "/x?api-key=")
