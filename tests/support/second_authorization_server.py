"""Another authorization server that nobody here wrote: oauthlib's. Refresh tokens are as in authorization_server.py."""

from __future__ import annotations

import base64
import time
import uuid
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from oauthlib.oauth2 import RequestValidator, Server

from tests.support.authorization_server import Client, Refresh, State

# ruff: noqa: ARG002 - the names and arguments are oauthlib's


class _Rules(RequestValidator):  # type: ignore[misc]  # oauthlib is untyped
    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state

    def authenticate_client(self, request: Any, *_: Any, **__: Any) -> bool:
        client_id, secret = request.client_id or "", request.client_secret or ""
        if sent := request.headers.get("Authorization", ""):
            pair = base64.b64decode(sent.removeprefix("Basic ")).decode()
            client_id, secret = map(unquote, pair.split(":", 1))
        found = self.state.clients.get(client_id)
        request.client = found
        return found is not None and found.check_client_secret(secret)

    def client_authentication_required(self, *_: Any, **__: Any) -> bool:
        return True

    def validate_grant_type(self, *_: Any, **__: Any) -> bool:
        return True

    def validate_refresh_token(self, refresh_token: str, client: Client, request: Any, *_: Any, **__: Any) -> bool:
        found = self.state.refreshes.get(refresh_token)
        return found is not None and self.state.takes(found) and found.client_id == client.client_id

    def revoke_token(self, token: str, *_: Any, **__: Any) -> None:
        self.state.refreshes.pop(token, None)

    def get_original_scopes(self, *_: Any, **__: Any) -> list[str]:
        return ["crm"]

    def get_default_scopes(self, *_: Any, **__: Any) -> list[str]:
        return ["crm"]

    def validate_scopes(self, *_: Any, **__: Any) -> bool:
        return True

    def save_bearer_token(self, token: dict[str, Any], request: Any, *_: Any, **__: Any) -> None:
        self.state.valid.add(token["access_token"])
        if request.refresh_token:
            old = self.state.refreshes[request.refresh_token]
            old.used, old.next = old.used or time.monotonic(), token["refresh_token"]
        if value := token.get("refresh_token"):
            self.state.refreshes[value] = Refresh(value, request.client.client_id)


class SecondAuthority:
    """The server, and an API that takes its tokens. See `tests.support.authorization_server.Authority`."""

    def __init__(self) -> None:
        self.state = State()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        if request.path not in {"/token", "/revoke"}:
            good = request.headers.get("Authorization", "").removeprefix("Bearer ") in self.state.valid
            return web.json_response({}, status=200 if good else 401)
        body = (await request.read()).decode()
        server = Server(
            _Rules(self.state),
            token_expires_in=self.state.seconds,
            token_generator=lambda *_, **__: f"Marker-{uuid.uuid4().hex}",
        )
        answers = server.create_token_response if request.path == "/token" else server.create_revocation_response
        headers, text, status = answers(
            f"https://login.example{request.path}", request.method, body, dict(request.headers)
        )
        if request.path == "/token":
            self.state.asked.append({"body": body})
        if self.state.lose > 0:
            self.state.lose -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.Response(text=text, status=status, headers=headers)
