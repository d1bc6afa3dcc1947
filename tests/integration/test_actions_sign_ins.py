"""Sign-ins, signed statements and clients with keys, against an authorization server that nobody here wrote."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from joserfc.jwk import ECKey, RSAKey

from contracts.errors import ErrorCode
from deploy.local.ports import free_port
from services.actions.action_call import CallFailedError, DestinationReply
from services.actions.attempt.http import HttpCall
from services.actions.connections import Connection, load
from services.actions.connections.setup import equipped
from services.actions.connections.sign_in import keep_sign_in
from services.actions.connections.token_requests import Token
from services.actions.connections.token_store import TokenStore
from services.actions.settings import ActionsSettings
from services.cli import sign_in
from services.cli.terminal import CommandError
from services.flows.catalogue import Guarantee
from services.runtime import settings
from services.runtime.database import migrate
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client as HttpClient
from tests.integration.test_actions_connections import file, serving
from tests.support.authorization_server import Authority, Client
from tests.support.limited import until
from tests.support.second_authorization_server import SecondAuthority

SECRET = "Marker-client-secret-7"


@asynccontextmanager
async def authority(
    kind: type[Authority | SecondAuthority] = Authority,
) -> AsyncIterator[tuple[Authority | SecondAuthority, int]]:
    """It, with one client, and its port."""
    one = kind()
    one.state.clients["ours"] = Client("ours", SECRET)
    async with serving(one.handle) as port:
        one.state.audience = f"http://127.0.0.1:{port}/token"
        yield one, port


def signed_in(port: int, **more: Any) -> dict[str, Any]:
    """The authentication of a connection with a sign-in."""
    form = {
        "oauth2": f"http://127.0.0.1:{port}/token",
        "grant": "refresh_token",
        "client_id": "ours",
        "client_secret": {"env": "SECRET"},
    }
    return {"authentication": {**form, **more}}


@asynccontextmanager
async def worker(
    path: Path, database_url: str, *, asks: str = "/x", **environ: str
) -> AsyncIterator[Callable[[], Any]]:
    """A worker's connection `crm`; calling it makes one call."""
    mine = {"DATABASE_URL": database_url, "FLOWS_EGRESS_ALLOW": "127.0.0.1"}
    client = HttpClient(Egress([allowed("127.0.0.1")]))
    found = load(path, {"SECRET": SECRET, **environ})
    try:
        async with equipped(settings.load(ActionsSettings, mine), found, client) as ready:
            connection: Connection = ready["crm"]

            async def ask() -> DestinationReply:
                return await HttpCall(client, connection, "e1", 5)("GET", asks, guarantee=Guarantee.REPEATABLE)

            yield ask
    finally:
        await client.close()


@pytest.fixture
async def clean(database_url: str) -> str:
    """A database with tables, without tokens."""
    await migrate(database_url)
    await forget(database_url)
    return database_url


async def forget(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("delete from oauth_tokens")
    await connection.close()


async def test_workers_use_each_refresh_token_once(clean: str, tmp_path: Path) -> None:
    """The file's first, then what came of it; every one of eight workers takes the newest, and nothing can be read."""
    async with authority() as (one, port), AsyncExitStack() as stack:
        first = one.state.sign_in("ours")
        one.state.seconds = 0.8
        path = file(tmp_path, port, **signed_in(port, refresh_token={"env": "FIRST"}))
        asks = [await stack.enter_async_context(worker(path, clean, FIRST=first)) for _ in range(8)]
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            replies = await asyncio.gather(*(ask() for ask in asks))
            assert {reply.status for reply in replies} == {200}
        used = [form["refresh_token"] for form in one.state.asked]
        assert used[0] == first
        assert 3 <= len(used) == len(set(used))
        connection = await asyncpg.connect(clean)
        rows = await connection.fetch("select * from oauth_tokens")
        await connection.close()
        assert len(rows) == 1
        assert "Marker" not in repr([dict(row) for row in rows])


@pytest.mark.parametrize("grant", ["client_credentials", "refresh_token"])
@pytest.mark.parametrize("client_in", ["header", "body"])
async def test_another_server_is_understood_too(clean: str, tmp_path: Path, grant: str, client_in: str) -> None:
    """oauthlib's, over three lives of a token; then the sign-in is taken back there (RFC 7009)."""
    async with authority(SecondAuthority) as (one, port):
        one.state.seconds = 1
        entry = signed_in(port, grant=grant, client_in=client_in)
        if grant == "refresh_token":
            entry["authentication"]["refresh_token"] = {"env": "FIRST"}
        async with worker(file(tmp_path, port, **entry), clean, FIRST=one.state.sign_in("ours")) as ask:
            async with asyncio.timeout(20):
                while len(one.state.asked) < 3:
                    assert (await ask()).status == 200
                    await asyncio.sleep(0.05)
            if grant == "refresh_token":
                pair = {"client_id": "ours", "client_secret": SECRET}
                last = next(value for value, each in one.state.refreshes.items() if each.used is None)
                await revoked(f"http://127.0.0.1:{port}/revoke", {"token": last, **pair})
                await ends(ask)


async def revoked(address: str, form: dict[str, str], auth: aiohttp.BasicAuth | None = None) -> None:
    """As a person does who takes a consent back (RFC 7009)."""
    async with aiohttp.ClientSession() as session:
        answer = await session.post(address, data=form, auth=auth)
        assert answer.status == 200, await answer.text()


async def ends(ask: Callable[[], Any]) -> None:
    """Call until the sign-in is over; it is said who must act."""

    async def forever() -> None:
        while True:
            await ask()
            await asyncio.sleep(0.05)

    with pytest.raises(CallFailedError, match="Sign in again: flows connections login crm") as raised:
        await asyncio.wait_for(forever(), 20)
    assert raised.value.away


async def test_a_new_token_in_the_file_goes_before_the_kept_one(clean: str, tmp_path: Path) -> None:
    """Whoever changes the file means it; the same file again does not go back to what is used up."""
    async with authority() as (one, port):
        path = file(tmp_path, port, **signed_in(port, refresh_token={"env": "FIRST"}))
        for first in (one.state.sign_in("ours"), one.state.sign_in("ours")):
            for again in range(2):
                one.state.valid.clear()
                connection = await asyncpg.connect(clean)
                await connection.execute("update oauth_tokens set expires_at = now()")
                await connection.close()
                async with worker(path, clean, FIRST=first) as ask:
                    assert (await ask()).status == 200
                assert (one.state.asked[-1]["refresh_token"] == first) == (again == 0)


async def test_a_refused_sign_in_waits_for_a_person(
    clean: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said whom to ask, the endpoint is not asked again for the same, and a new sign-in is found at once."""
    monkeypatch.setattr("services.actions.connections.token_credentials.AWAY_SECONDS", 0.0)
    async with authority() as (one, port):
        path = file(tmp_path, port, **signed_in(port))
        async with worker(path, clean) as ask:
            with pytest.raises(CallFailedError, match="nobody has signed in: flows connections login crm") as raised:
                await ask()
            assert (raised.value.code, raised.value.away) == (ErrorCode.CREDENTIALS_REFUSED, True)
            await kept(path, clean, one.state.sign_in("ours"))
            assert (await ask()).status == 200
            one.state.refreshes.clear()  # the person has taken the consent back
            one.state.valid.clear()
            monkeypatch.setattr("services.actions.connections.token_credentials.BETWEEN_SECONDS", 0.0)
            for _ in range(4):
                with pytest.raises(CallFailedError) as raised:
                    await ask()
            assert "Sign in again: flows connections login crm" in raised.value.cause
            assert "Marker" not in raised.value.cause
            assert (raised.value.retriable, raised.value.effect_possible, raised.value.away) == (True, False, True)
            assert len(one.state.asked) == 2
            await kept(path, clean, one.state.sign_in("ours"))
            assert (await ask()).status == 200


async def kept(path: Path, database_url: str, refresh: str) -> None:
    """As if a person had signed in."""
    oauth2 = load(path, {"SECRET": SECRET})["crm"].oauth2
    assert oauth2 is not None
    token = Token("none", 0.0, 0.0, refresh)
    await keep_sign_in(oauth2, TokenStore(database_url, oauth2), token, "ines")


async def test_the_answer_of_a_call_that_was_given_up_is_kept(clean: str, tmp_path: Path) -> None:
    """It may hold the only refresh token that there is."""
    async with authority() as (one, _):
        slow = asyncio.Event()
        plain = one.handle

        async def handle(request: Any) -> Any:
            answer = await plain(request)
            if request.path == "/token":
                await slow.wait()
            return answer

        async with serving(handle) as slow_port:
            path = file(tmp_path, slow_port, **signed_in(slow_port, refresh_token={"env": "FIRST"}))
            async with worker(path, clean, FIRST=one.state.sign_in("ours")) as ask:
                calling = asyncio.ensure_future(ask())
                await until(lambda: bool(one.state.asked))
                calling.cancel()
                slow.set()
        assert await kept_now(path, clean) in one.state.refreshes


async def test_what_postgresql_did_not_take_is_written_down_later(
    clean: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes away between the answer and its row: calls go on, and no other worker is left without."""
    async with authority() as (one, port):
        path = file(tmp_path, port, **signed_in(port, refresh_token={"env": "FIRST"}))
        first, broken = one.state.sign_in("ours"), True
        keep = TokenStore.keep

        async def breaks(self: Any, connection: Any, token: Any) -> None:
            if broken:
                raise ConnectionError("away")
            await keep(self, connection, token)

        monkeypatch.setattr(TokenStore, "keep", breaks)
        async with worker(path, clean, FIRST=first) as ask, worker(path, clean, FIRST=first) as other:
            assert (await ask()).status == 200
            broken = False
            async with asyncio.timeout(10):
                while await kept_now(path, clean) is None:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.05)
            assert (await other()).status == 200
        assert len(one.state.asked) == 1


async def kept_now(path: Path, database_url: str) -> str | None:
    oauth2 = load(path, {"SECRET": SECRET, "FIRST": "x"})["crm"].oauth2
    assert oauth2 is not None
    async with TokenStore(database_url, oauth2).held() as (token, _):
        return None if token is None else token.refresh


async def test_without_postgresql_a_refresh_token_is_not_used(tmp_path: Path) -> None:
    """Two workers would use one that is good once; calls wait instead."""
    async with authority() as (one, port):
        path = file(tmp_path, port, **signed_in(port, refresh_token={"env": "FIRST"}))
        first = one.state.sign_in("ours")
        async with worker(path, "postgresql://nobody@127.0.0.1:9/none", FIRST=first) as ask:
            with pytest.raises(CallFailedError, match="PostgreSQL, which is away") as raised:
                await ask()
        assert (raised.value.away, raised.value.effect_possible, one.state.asked) == (True, False, [])


def _work(path: str, database_url: str, first: str) -> None:
    """A worker process: calls until it is killed."""

    async def forever() -> None:
        async with worker(Path(path), database_url, FIRST=first) as ask:
            while True:
                try:
                    await ask()
                except CallFailedError:
                    await asyncio.sleep(0.01)

    asyncio.run(forever())


@pytest.mark.parametrize("kind", [Authority, SecondAuthority])
async def test_killed_workers_lose_no_refresh_token(
    clean: str, tmp_path: Path, kind: type[Authority | SecondAuthority]
) -> None:
    """Eight processes renew every 100 ms, killed at random; the server takes the last one until the next is used."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    chance = random.Random(7)  # noqa: S311 - no secret
    async with authority(kind) as (one, port):
        one.state.seconds, one.state.grace = 0.2, 30.0
        first = one.state.sign_in("ours")
        path = file(tmp_path, port, **signed_in(port, refresh_token={"env": "FIRST"}))

        def start() -> Any:
            process = context.Process(target=_work, args=(str(path), clean, first), daemon=True)
            process.start()
            return process

        workers = [start() for _ in range(8)]
        try:
            async with asyncio.timeout(60):
                for kill in range(16):
                    before = len(one.state.asked)
                    while len(one.state.asked) == before:  # noqa: ASYNC110 - as above
                        await asyncio.sleep(chance.random() / 100)
                    if kill == 8:
                        one.state.lose = 2
                    victim = workers.pop(chance.randrange(len(workers)))
                    victim.kill()
                    workers.append(await asyncio.to_thread(start))
        finally:
            for process in workers:
                process.kill()
                process.join()
        async with worker(path, clean, FIRST=first) as ask, asyncio.timeout(30):
            while True:
                try:
                    assert (await ask()).status == 200
                    break
                except CallFailedError as error:
                    assert "Sign in again" not in error.cause  # noqa: PT017 - whatever else fails is tried again
                    await asyncio.sleep(0.1)


@pytest.mark.parametrize("form", ["rsa", "google", "ec", "jwk"])
async def test_a_signed_statement_is_a_grant(clean: str, tmp_path: Path, form: str) -> None:
    """As Salesforce and Google's service accounts have it (RFC 7523)."""
    key = ECKey.generate_key("P-256") if form == "ec" else RSAKey.generate_key(2048)
    pem = key.as_pem(private=True).decode()
    text = {
        "google": json.dumps(
            {"type": "service_account", "private_key": pem, "private_key_id": "k1", "client_email": "robot@x.example"}
        ),
        "jwk": json.dumps(key.as_dict(private=True)),
    }.get(form, pem)
    (tmp_path / "key").write_text(text)
    issuer = "robot@x.example"
    async with authority() as (one, port):
        one.state.clients[issuer] = Client(issuer, key=key)
        more = {} if form == "google" else {"issuer": issuer, "subject": "ines@x.example"}
        form_of = {
            "oauth2": f"http://127.0.0.1:{port}/token",
            "grant": "jwt_bearer",
            "private_key": {"file": str(tmp_path / "key")},
            **more,
        }
        async with worker(file(tmp_path, port, authentication=form_of), clean) as ask:
            assert (await ask()).status == 200
        assert one.state.asked[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"


async def test_a_client_proves_itself_by_its_key(clean: str, tmp_path: Path) -> None:
    """`private_key_jwt`: each statement once, so that the second renewal makes another."""
    key = RSAKey.generate_key(2048)
    (tmp_path / "key").write_bytes(key.as_pem(private=True))
    async with authority() as (one, port):
        one.state.clients["ours"] = Client("ours", key=key)
        one.state.seconds = 0.4
        entry = signed_in(port, private_key={"file": str(tmp_path / "key")}, refresh_token={"env": "FIRST"})
        del entry["authentication"]["client_secret"]
        async with worker(file(tmp_path, port, **entry), clean, FIRST=one.state.sign_in("ours")) as ask:
            async with asyncio.timeout(10):
                while len(one.state.asked) < 3:
                    assert (await ask()).status == 200
                    await asyncio.sleep(0.05)
        assert len(one.state.seen) == len(one.state.asked)


async def test_a_person_signs_in(clean: str, tmp_path: Path) -> None:
    """With PKCE, through a browser that follows the address; from then on all workers have a token."""
    async with authority() as (_, port):
        path = file(
            tmp_path, port, **signed_in(port, sign_in={"address": f"http://127.0.0.1:{port}/authorize"}, scope="crm")
        )
        oauth2 = sign_in.sign_in_of(load(path, {"SECRET": SECRET})["crm"])
        async with aiohttp.ClientSession() as browser, asyncio.timeout(20):
            free = free_port()
            address = sign_in.address_of(oauth2, free)
            told: list[str] = []
            waiting = asyncio.ensure_future(sign_in.by_browser(address, free, told.append, opens=False))
            await until(lambda: bool(told))
            stranger = await browser.get(f"{address.redirect}?code=stolen&state=guessed")
            assert stranger.status == 400
            page = await browser.get(address.address)
            assert (page.status, "Signed in" in await page.text()) == (200, True)
            code = await waiting
            client = HttpClient(Egress([allowed("127.0.0.1")]))
            await sign_in.finish(oauth2, address, code, client, clean)
            with pytest.raises(CommandError):  # a code is good once
                await sign_in.finish(oauth2, address, code, client, clean)
            await client.close()
        assert address.address in told[0]
        connection = await asyncpg.connect(clean)
        who = await connection.fetchval(
            "select who from audit where action = 'connection.signed_in' order by number desc"
        )
        await connection.close()
        assert str(who).endswith(", direct")
        async with worker(path, clean) as ask:
            assert (await ask()).status == 200
        assert SECRET not in address.address


async def test_a_person_elsewhere_copies_the_address(tmp_path: Path) -> None:
    """What is not the answer of this sign-in is refused, by its cause."""
    path = file(tmp_path, 9, **signed_in(9, sign_in={"address": "http://127.0.0.1:9/authorize"}))
    address = sign_in.address_of(sign_in.sign_in_of(load(path, {"SECRET": SECRET})["crm"]), 8912)
    good = f"{address.redirect}?code=c1&state={address.state}"
    assert sign_in.by_hand(address, lambda _: None, lambda: f"  {good}\n") == "c1"
    for wrong, told in (
        (f"{address.redirect}?code=c1&state=x", "another sign-in"),
        (f"{address.redirect}?state={address.state}", "no code"),
        (f"{address.redirect}?error=access_denied&state={address.state}", "access_denied"),
    ):
        with pytest.raises(CommandError, match=told):
            sign_in.by_hand(address, lambda _: None, lambda wrong=wrong: wrong)  # type: ignore[misc]
