"""`flows connections login`: a person signs in at a destination, and the connection has tokens from then on.

The code of the sign-in comes back to a loopback address of this machine (RFC 8252, 7.3), proved by PKCE (RFC 7636), or
is brought by hand from the machine where the browser is.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import secrets
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from services.actions.action_call import CallFailedError
from services.actions.connections import Connection
from services.actions.connections.parts import Grant, OAuth2
from services.actions.connections.sign_in import keep_sign_in
from services.actions.connections.token_credentials import fetch_token
from services.actions.connections.token_requests import exchange
from services.actions.connections.token_store import TokenStore
from services.cli.terminal import CommandError
from services.runtime import database
from services.runtime.http import Client
from services.runtime.tables import audit

WAIT_SECONDS = 600.0
PATH = "/callback"


@dataclass(frozen=True, slots=True)
class SignInAddress:
    """Where a person signs in, and by what its answer is known."""

    address: str
    redirect: str
    state: str
    verifier: str


def sign_in_of(connection: Connection) -> OAuth2:
    """What a sign-in of the connection needs. Raises CommandError with what is missing in the connections file."""
    oauth2 = connection.oauth2
    if oauth2 is None or oauth2.grant is not Grant.REFRESH_TOKEN:
        raise CommandError(
            f"nobody signs in for the connection {connection.name!r}: its authentication has no "
            "`grant: refresh_token` (docs/connections.md, Sign-ins)"
        )
    if oauth2.sign_in is None:
        raise CommandError(
            f"the connection {connection.name!r} does not say where to sign in: give its authentication "
            "`sign_in: { address: https://… }`, as the destination's documents call the authorization address"
        )
    return oauth2


def address_of(oauth2: OAuth2, port: int) -> SignInAddress:
    """A new address, for one sign-in."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    redirect = f"http://127.0.0.1:{port}{PATH}"
    asked = {
        "response_type": "code",
        "client_id": oauth2.client_id,
        "redirect_uri": redirect,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **({"scope": oauth2.scope} if oauth2.scope else {}),
        **({} if oauth2.sign_in is None else oauth2.sign_in.more),
    }
    base = "" if oauth2.sign_in is None else oauth2.sign_in.address
    return SignInAddress(f"{base}?{urlencode(asked)}", redirect, state, verifier)


def code_in(query: str, state: str) -> str:
    """The code that a sign-in's answer brings. Raises CommandError."""
    found = dict(parse_qsl(query))
    if not secrets.compare_digest(found.get("state", "").encode(), state.encode()):
        raise CommandError("this is the answer of another sign-in (`state` differs): use the newest address")
    if "error" in found:
        said = found.get("error_description") or found["error"]
        raise CommandError(f"the sign-in was refused: {said[:200]!r}")
    if not found.get("code"):
        raise CommandError("the address holds no code: copy all of it, from http to the end")
    return found["code"]


async def by_browser(sign_in: SignInAddress, port: int, told: Callable[[str], object], *, opens: bool) -> str:
    """The code, as it comes back to this machine. Raises CommandError."""
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def callback(request: web.BaseRequest) -> web.StreamResponse:
        if request.path != PATH or answered.done():
            return web.Response(status=404, text="nothing is here")
        try:
            code = code_in(request.query_string, sign_in.state)
        except CommandError as error:
            if "error" in request.query:
                answered.set_exception(error)
            return _page(str(error), status=400)
        answered.set_result(code)
        return _page("Signed in. You can close this page.")

    runner = web.ServerRunner(web.Server(callback, access_log=None), shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            raise CommandError(
                f"port {port} of this machine cannot be used: {error.strerror}. Another: --port"
            ) from None
        told(f"Sign in here:\n\n  {sign_in.address}\n\nWaiting for the answer at {sign_in.redirect} …")
        if opens:
            await asyncio.to_thread(webbrowser.open, sign_in.address)
        async with asyncio.timeout(WAIT_SECONDS):
            return await answered
    except TimeoutError:
        raise CommandError("nobody signed in within 10 minutes: call it again") from None
    finally:
        await runner.cleanup()


def by_hand(sign_in: SignInAddress, told: Callable[[str], object], read: Callable[[], str]) -> str:
    """The code out of the address at which a browser elsewhere ended. Raises CommandError."""
    told(
        f"Open this on any machine:\n\n  {sign_in.address}\n\nAt its end the browser shows an address that begins with "
        f"{sign_in.redirect}; it need not load. Copy all of it here:"
    )
    return code_in(urlsplit(read().strip()).query, sign_in.state)


async def finish(oauth2: OAuth2, sign_in: SignInAddress, code: str, client: Client, database_url: str) -> None:
    """Change the code for tokens and keep them. Raises CommandError."""
    now = time.time()
    request = exchange(oauth2, code, sign_in.verifier, sign_in.redirect, now)
    try:
        token = await fetch_token(oauth2, request, client, now)
    except CallFailedError as error:
        raise CommandError(error.cause) from None
    if not token.refresh:
        raise CommandError(
            f"{oauth2.token_url} gave a token, but none to renew it with. Ask for it in the connections file, as the "
            "destination's documents say: often `sign_in.more: { access_type: offline, prompt: consent }`, or a scope"
        )
    try:
        await keep_sign_in(oauth2, TokenStore(database_url, oauth2), token, audit.direct())
    except database.FAULTS as error:
        raise CommandError(f"the sign-in cannot be kept: PostgreSQL: {error}") from None


def _page(text: str, status: int = 200) -> web.Response:
    body = f"<!doctype html><meta charset=utf-8><title>closum-flows</title><p>{html.escape(text)}</p>"
    return web.Response(status=status, text=body, content_type="text/html")
