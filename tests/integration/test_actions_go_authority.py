"""Every grant, against a third authorization server that nobody here wrote: tests/support/go_authority."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from joserfc.jwk import RSAKey

from services.actions.connections import load
from services.actions.connections.token_store import TokenStore
from services.cli import sign_in
from services.runtime.egress import Egress, allowed
from services.runtime.http import Client as HttpClient
from tests.integration.test_actions_connections import file
from tests.integration.test_actions_sign_ins import ends, forget, revoked, worker
from tests.support.go_authority import GoAuthority, go_authority
from tests.support.limited import until

KEY = RSAKey.generate_key(2048)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoAuthority]:
    """It, for all of them."""
    public = tmp_path_factory.mktemp("key") / "public.pem"
    public.write_bytes(KEY.as_pem(private=False))
    with go_authority(public) as one:
        yield one


@pytest.fixture
async def clean(own_database: str) -> str:
    """Without tokens."""
    await forget(own_database)
    return own_database


def connections(server: GoAuthority, folder: Path, **more: Any) -> Path:
    """A connection `crm` with this authentication."""
    port = int(server.issuer.rstrip("/").rpartition(":")[2])
    (folder / "key").write_bytes(KEY.as_pem(private=True))
    return file(folder, port, authentication={"oauth2": f"{server.issuer}oauth/token", **more})


ANYBODY = "/.well-known/openid-configuration"
"""Tokens of a sign-in end there when there is a next one, and 403 is what it calls that."""
KEYED = {"private_key": {"env": "KEY"}, "key_id": "k1"}


async def renewed(asks: list[Any], database: str, times: int) -> None:
    """Call from every worker, until there was so often another token; each is good for a second."""
    seen: set[bytes] = set()
    connection = await asyncpg.connect(database)
    try:
        async with asyncio.timeout(30):
            while len(seen) < times:
                assert {reply.status for reply in await asyncio.gather(*(ask() for ask in asks))} == {200}
                rows = await connection.fetch("select token from oauth_tokens where token is not null")
                seen |= {bytes(row["token"]) for row in rows}
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def test_client_credentials(server: GoAuthority, clean: str, tmp_path: Path) -> None:
    """By basic authentication, over two lives of a token."""
    path = connections(server, tmp_path, client_id="sid1", client_secret={"env": "SECRET"})
    async with worker(path, clean, asks=ANYBODY, SECRET="verysecret") as ask:
        await renewed([ask], clean, 2)


async def test_a_signed_statement(server: GoAuthority, clean: str, tmp_path: Path) -> None:
    """Its own name is whom the statement is for; then the person may be asked about."""
    statement = {"issuer": "id1", "audience": server.issuer, "scope": "openid", **KEYED}
    path = connections(server, tmp_path, grant="jwt_bearer", **statement)
    async with worker(path, clean, asks="/userinfo", KEY=KEY.as_pem(private=True).decode()) as ask:
        await renewed([ask], clean, 2)


@pytest.mark.parametrize("client", ["ours", "keyed"])
async def test_a_sign_in_from_its_page_to_its_end(server: GoAuthority, clean: str, tmp_path: Path, client: str) -> None:
    """`flows connections login`, its page, eight workers that use each refresh token once, and its end there.

    By a secret, and by a key (private_key_jwt).
    """
    key = KEY.as_pem(private=True).decode()
    proof = (
        {**KEYED, "assertion_audience": server.issuer} if client == "keyed" else {"client_secret": {"env": "SECRET"}}
    )
    page = {"address": f"{server.issuer}auth"}
    more = {"scope": "openid offline_access", "sign_in": page, **proof}
    path = connections(server, tmp_path, grant="refresh_token", client_id=client, **more)
    secrets = {"SECRET": "secret", "KEY": key}
    oauth2 = sign_in.sign_in_of(load(path, secrets)["crm"])
    address, told = sign_in.address_of(oauth2, server.redirect_port), list[str]()
    http = HttpClient(Egress([allowed("127.0.0.1")]))
    try:
        waiting = asyncio.ensure_future(sign_in.by_browser(address, server.redirect_port, told.append, opens=False))
        await until(lambda: bool(told))
        await consented(address.address)
        await sign_in.finish(oauth2, address, await waiting, http, clean)
    finally:
        await http.close()
    async with AsyncExitStack() as stack:
        asks = [await stack.enter_async_context(worker(path, clean, asks=ANYBODY, **secrets)) for _ in range(8)]
        await renewed(asks, clean, 3)
        async with worker(path, clean, asks="/userinfo", **secrets) as ninth:
            assert (await ninth()).status == 200
        if client == "ours":
            async with TokenStore(clean, oauth2).held() as (kept, _):
                assert kept is not None
            await revoked(f"{server.issuer}revoke", {"token": kept.refresh}, aiohttp.BasicAuth("ours", "secret"))
            await ends(asks[0])


async def consented(address: str) -> None:
    """A person fills in the page, and the browser follows."""
    async with aiohttp.ClientSession() as browser:
        page = await browser.get(address)
        number = re.search(r'name="id" value="([^"]+)"', await page.text())
        assert number, await page.text()
        form = {"username": GoAuthority.USER, "password": GoAuthority.PASSWORD, "id": number[1]}
        answer = await browser.post(f"{page.url.origin()}/login/username", data=form)
        assert "Signed in" in await answer.text(), await answer.text()
