"""Failures inside an answer with HTTP 200: a call that was not done is no delivery, whatever the status says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError
from services.actions.attempt.http import HttpCall
from services.actions.attempt.perform import attempt
from services.actions.connections import Connection, load
from services.actions.connections.answer_failure import parts_of
from services.actions.connections.parts import RequestCredentials
from services.actions.connections.presets import PRESETS
from services.actions.connections.presets.preset import BY_STATUS
from services.actions.outcome import Done, Failed
from services.actions.registry import ACTIONS
from services.cli.commands.connections import _probe
from services.runtime.documents.secrets import Mask
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client, HttpAnswer
from services.runtime.settings import SettingsError
from tests.support.presets import loaded
from tests.unit.actions.test_calling import FakeClient, ask


def connection(folder: Path, preset: str) -> Connection:
    """The connection that a preset writes; its tokens are not looked at here."""
    return replace(loaded(folder, PRESETS[preset]), oauth2=None)


def answered(body: Any, status: int = 200) -> FakeClient:
    """A destination that answers so."""
    return FakeClient(HttpAnswer(status, {"content-type": "application/json"}, orjson.dumps(body)))


REJECTED, BUSY, REFUSED, FAILED = (
    ErrorCode.CALL_REJECTED,
    ErrorCode.DESTINATION_BUSY,
    ErrorCode.CREDENTIALS_REFUSED,
    ErrorCode.DESTINATION_FAILED,
)


@pytest.mark.parametrize(
    ("preset", "body", "code", "effect_possible"),
    [
        ("slack", {"ok": False, "error": "channel_not_found"}, REJECTED, False),
        ("slack", {"ok": False, "error": "invalid_auth"}, REFUSED, False),
        ("slack", {"ok": False, "error": "ratelimited"}, BUSY, False),
        ("slack", {"ok": False, "error": "fatal_error"}, FAILED, True),
        ("slack", {"ok": False}, REJECTED, False),
        ("bitrix24", {"error": "ERROR_CORE", "error_description": "Title is missing"}, REJECTED, False),
        ("bitrix24", {"error": "expired_token", "error_description": "…"}, REFUSED, False),
        ("bitrix24", {"error": "QUERY_LIMIT_EXCEEDED"}, BUSY, False),
        ("bitrix24", {"result": {"result": {"a": 1}, "result_error": {"b": {"error": "X"}}}}, REJECTED, True),
        ("zoho", {"data": [{"code": "INVALID_DATA", "status": "error", "message": "bad"}]}, REJECTED, False),
        ("zoho", {"data": [{"status": "success"}, {"status": "error"}]}, REJECTED, True),
        ("zoho", {"code": "INVALID_TOKEN", "status": "error", "message": "invalid"}, REFUSED, False),
        ("shopify", {"data": {"customerCreate": {"userErrors": [{"message": "Email taken"}]}}}, REJECTED, False),
        ("shopify", {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}, BUSY, False),
        ("pipedrive", {"success": False, "error": "Name must be given."}, REJECTED, False),
        ("salesforce", [{"success": True, "id": "1"}, {"success": False, "errors": [{}]}], REJECTED, True),
        ("woocommerce", {"create": [{"id": 1}, {"id": 0, "error": {"code": "x"}}]}, REJECTED, True),
        ("hubspot", {"status": "COMPLETE", "results": [{}], "numErrors": 1, "errors": [{}]}, REJECTED, True),
    ],
)
async def test_a_failure_inside_200_is_a_failure(
    tmp_path: Path,
    preset: str,
    body: Any,
    code: ErrorCode,
    effect_possible: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """As the status that its code means: so the connection waits, the call is made again, or a person decides."""
    with pytest.raises(CallFailedError) as raised:
        await ask(answered(body), connection(tmp_path, preset), "/x")
    assert (raised.value.code, raised.value.effect_possible) == (code, effect_possible)
    assert "HTTP 200, and its answer says a failure" in raised.value.cause


@pytest.mark.parametrize(
    ("preset", "body"),
    [
        ("slack", {"ok": True, "ts": "1.2"}),
        ("slack", {"ok": 0}),  # no boolean: not what is declared
        ("bitrix24", {"result": {"item": {"id": 7}}, "time": {}}),
        ("bitrix24", {"result": {"result": {}, "result_error": []}}),
        ("bitrix24", {"result": True, "error": False}),
        ("bitrix24", {"result": True, "error": 0}),
        ("zoho", {"data": [{"code": "SUCCESS", "status": "success"}]}),
        ("shopify", {"data": {"customerCreate": {"customer": {"id": "1"}, "userErrors": []}}}),
        ("salesforce", {"id": "1", "success": True, "errors": []}),
        ("hubspot", {"id": "1", "properties": {}}),
        ("slack", "text"),
    ],
)
async def test_a_success_is_one(tmp_path: Path, preset: str, body: Any) -> None:
    """Empty lists of errors say no failure."""
    reply = await ask(answered(body), connection(tmp_path, preset), "/x")
    assert reply.status == 200


async def test_only_answers_of_success_are_asked(tmp_path: Path) -> None:
    """A status says itself what it means, and who expects 404 gets its answer; what is no JSON says nothing."""
    slack = connection(tmp_path, "slack")
    reply = await ask(answered({"ok": False}, 404), slack, "/x", accept=frozenset({200, 404}))
    assert reply.status == 404
    assert (await ask(FakeClient(HttpAnswer(200, {}, b"ok: false")), slack, "/x")).status == 200


async def test_what_a_code_means_reaches_the_credentials(tmp_path: Path) -> None:
    """A token that is refused inside 200 is refused: the next call fetches another one."""
    told: list[bool] = []

    class Credentials:
        async def current(self) -> Any:
            return RequestCredentials({}, Mask(()))

        def accepted(self, used: Any) -> None:
            raise AssertionError(used)

        def refused(self, used: Any, *, denied: bool) -> None:
            told.append(denied)
            assert used.headers == {}

    bitrix24 = replace(connection(tmp_path, "bitrix24"), credentials=Credentials())
    with pytest.raises(CallFailedError) as raised:
        await ask(answered({"error": "expired_token"}), bitrix24, "/x")
    assert (told, raised.value.status, raised.value.retriable) == ([False], 401, True)


def test_presets_that_say_so_declare_it() -> None:
    """Words and declaration agree: nothing is told of failures inside 200 that no call would find."""
    for preset in PRESETS.values():
        assert ("failure" in preset.entry) == (preset.failures != BY_STATUS), preset.name


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("failure: { pointer: ok }", "begins with /"),
        ("failure: { equals: false }", "failure.pointer"),
        ("failure: { pointer: /ok, means: { a: 401 } }", "means needs code"),
        ("failure: { pointer: /ok, code: /error, means: { a: 200 } }", "failure.means.a"),
        ("failure: { pointer: /ok, equal: false }", "failure.equal"),
        ("headers: { Authorization: x }", "another meaning"),
        ("headers: { Idempotency-Key: x }", "another meaning"),
        ("headers: { Content-Type: x }", "another meaning"),
        ("headers: { X-A: a, x-a: b }", "another meaning"),
        ("headers: { 'X A': a }", "headers"),
        ('headers: { X-A: "a\\nb" }', "headers.X-A"),
        ("headers: { X-Key: a }\n    authentication: { header: x-key, secret: { env: KEY } }", "cannot carry both"),
    ],
)
def test_a_mistake_in_them_is_told(tmp_path: Path, entry: str, told: str) -> None:
    """With its place."""
    path = tmp_path / "connections.yaml"
    path.write_text(f"connections:\n  a:\n    base_url: https://x\n    {entry}\n")
    with pytest.raises(SettingsError) as raised:
        load(path, {"KEY": "secret-7"})
    assert str(raised.value).startswith(f"{path}:")
    assert told in str(raised.value)


def test_a_pointer_reads_what_rfc_6901_says() -> None:
    """`~1` is a slash, `~0` a tilde."""
    assert parts_of("/a~1b/~0/*/0") == ("a/b", "~", "*", "0")


async def test_every_request_says_the_headers_of_its_connection(tmp_path: Path) -> None:
    """Such as a version; a step cannot say another."""
    notion, client = connection(tmp_path, "notion"), FakeClient()
    await ask(client, notion, "/x")
    assert client.headers["Notion-Version"] == "2026-03-11"
    with pytest.raises(CallFailedError, match="the connection's own"):
        await ask(FakeClient(), notion, "/x", headers={"notion-version": "2022-06-28"})


@asynccontextmanager
async def stand_in(answer: Any) -> AsyncIterator[tuple[str, list[str]]]:
    """A small destination of this machine that always answers so with 200, and what it was asked."""
    asked: list[str] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        return web.json_response(answer)

    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/api", asked
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("preset", "refused", "taken"),
    [
        ("slack", {"ok": False, "error": "channel_not_found"}, {"ok": True}),
        ("bitrix24", {"error": "ERROR_CORE", "error_description": "no"}, {"result": {"item": {"id": 7}}}),
        ("zoho", {"data": [{"code": "INVALID_DATA", "status": "error"}]}, {"data": [{"status": "success"}]}),
    ],
)
async def test_a_creation_that_is_refused_inside_200_is_not_delivered(
    tmp_path: Path, preset: str, refused: Any, taken: Any
) -> None:
    """Over real HTTP, by the action: Failed and final where the destination says so, Done where it does not."""
    creation = PRESETS[preset].creation
    assert creation is not None
    inputs = ACTIONS["http.request"].signature.inputs.model_validate(creation)
    client = Client(Egress((allowed("127.0.0.1"),), (80,)), max_answer_bytes=10_000)
    try:
        outcomes = []
        for answer in (refused, taken):
            async with stand_in(answer) as (address, asked):
                where = replace(connection(tmp_path, preset), base_url=address)
                outcomes.append(await attempt(ACTIONS["http.request"], inputs, HttpCall(client, where, "e1", 5.0)))
                assert asked == [f"POST /api{creation['url']}"]
    finally:
        await client.close()
    failed, done = outcomes
    assert isinstance(failed, Failed)
    assert (failed.code, failed.again, failed.unknown) == (ErrorCode.CALL_REJECTED, False, False)
    assert isinstance(done, Done)


async def test_a_probe_sees_it(tmp_path: Path) -> None:
    """`flows connections test` says that the token is refused, though Slack answers 200."""
    async with stand_in({"ok": False, "error": "invalid_auth"}) as (address, asked):
        client = Client(Egress((allowed("127.0.0.1"),), (80,)), max_answer_bytes=10_000)
        try:
            well, said = await _probe(replace(connection(tmp_path, "slack"), base_url=address), client)
        finally:
            await client.close()
    assert (well, asked) == (False, ["POST /api/auth.test"])
    assert "credentials_refused" in said
