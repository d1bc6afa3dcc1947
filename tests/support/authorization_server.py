"""An authorization server that nobody here wrote: authlib's, over aiohttp, with invented people.

It takes client credentials, codes with PKCE, refresh tokens that it takes once (RFC 9700, 4.14.2), signed statements,
and clients that prove themselves by a key. `grace`: so many seconds the last refresh token is taken again, while the
one that was given for it is unused, as Auth0 and Okta do.
"""

# ruff: noqa: ARG002, D102 - the names and arguments are authlib's

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from aiohttp import web
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, JWTBearerGrant
from authlib.oauth2.rfc7636 import CodeChallenge

METHODS = ["client_secret_basic", "client_secret_post", "client_assertion_jwt"]


@dataclass
class Client:
    """One that is registered."""

    client_id: str
    secret: str = ""
    key: Any = None

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, uri: str) -> bool:
        return uri.startswith("http://127.0.0.1:")

    def check_client_secret(self, secret: str) -> bool:
        return bool(self.secret) and secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in METHODS

    def check_response_type(self, kind: str) -> bool:
        return kind == "code"

    def check_grant_type(self, grant: str) -> bool:
        return True


@dataclass
class Code:
    """One that a person's consent gave."""

    client_id: str
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str
    scope: str = ""

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope


@dataclass
class Refresh:
    """A refresh token, and since when it has been used up."""

    value: str
    client_id: str
    used: float | None = None
    next: str = ""

    def check_client(self, client: Client) -> bool:
        return client.client_id == self.client_id

    def get_scope(self) -> str:
        return ""


@dataclass
class State:
    """What it knows."""

    clients: dict[str, Client] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    refreshes: dict[str, Refresh] = field(default_factory=dict)
    valid: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    audience: str = "https://login.example/token"
    seconds: float = 3600.0
    grace: float = 0.0
    lose: int = 0
    """So many answers are lost on their way: the work is done, the connection breaks."""

    def takes(self, refresh: Refresh) -> bool:
        """Whether a refresh token is good now."""
        if refresh.used is None:
            return True
        after = self.refreshes.get(refresh.next)
        unused = after is not None and after.used is None
        return unused and time.monotonic() - refresh.used < self.grace

    def sign_in(self, client_id: str) -> str:
        """A refresh token, as if a person had consented."""
        value = f"Marker-refresh-{uuid.uuid4().hex}"
        self.refreshes[value] = Refresh(value, client_id)
        return value


class _Server(AuthorizationServer):  # type: ignore[misc]  # authlib is untyped
    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self.register_token_generator("default", self._generate)
        self.register_client_auth_method("client_assertion_jwt", _Assertion(state))
        self.register_grant(grants.ClientCredentialsGrant)
        self.register_grant(_Code, [CodeChallenge(required=True)])
        self.register_grant(_Refresh)
        self.register_grant(_Bearer)

    def query_client(self, client_id: str) -> Client | None:
        return self.state.clients.get(client_id)

    def _generate(self, *, include_refresh_token: bool, client: Client, **_: Any) -> dict[str, Any]:
        token: dict[str, Any] = {
            "token_type": "Bearer",
            "access_token": f"Marker-access-{uuid.uuid4().hex}",
            "expires_in": self.state.seconds,
        }
        if include_refresh_token:
            token["refresh_token"] = self.state.sign_in(client.client_id)
        return token

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        self.state.valid.add(token["access_token"])
        if isinstance(request.refresh_token, Refresh):
            request.refresh_token.next = token["refresh_token"]

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> tuple[int, Any, dict[str, str]]:
        return status, body, dict(headers)

    def send_signal(self, *_: Any, **__: Any) -> None:
        """Nobody listens."""


class _Code(grants.AuthorizationCodeGrant):  # type: ignore[misc]  # as above
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = self.server.state.codes.get(code)
        return found if found is not None and found.client_id == client.client_id else None

    def delete_authorization_code(self, code: Code) -> None:
        codes = self.server.state.codes
        codes.pop(next(key for key, one in codes.items() if one is code))

    def authenticate_user(self, _: Code) -> str:
        return "ines"


class _Refresh(grants.RefreshTokenGrant):  # type: ignore[misc]  # as above
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, value: str) -> Refresh | None:
        found: Refresh | None = self.server.state.refreshes.get(value)
        return found if found is not None and self.server.state.takes(found) else None

    def authenticate_user(self, _: Refresh) -> str:
        return "ines"

    def revoke_old_credential(self, credential: Refresh) -> None:
        credential.used = credential.used or time.monotonic()


class _Bearer(JWTBearerGrant):  # type: ignore[misc]  # as above
    def get_audiences(self) -> list[str]:
        return [self.server.state.audience]

    def resolve_issuer_client(self, issuer: str) -> Client | None:
        found: Client | None = self.server.state.clients.get(issuer)
        return found

    def resolve_client_public_key(self, client: Client) -> Any:
        return client.key

    def authenticate_user(self, subject: str) -> str:
        return subject

    def has_granted_permission(self, client: Client, user: str) -> bool:
        return True


class _Assertion(JWTBearerClientAssertion):  # type: ignore[misc]  # as above
    def __init__(self, state: State) -> None:
        super().__init__()
        self._state = state

    def get_audiences(self) -> list[str]:
        return [self._state.audience]

    def validate_jti(self, _: Any, jti: str) -> bool:
        if jti in self._state.seen:
            return False
        self._state.seen.add(jti)
        return True

    def resolve_client_public_key(self, client: Client) -> Any:
        return client.key


class Authority:
    """The server, and an API that takes its tokens: `handle` for tests.support.serving."""

    def __init__(self) -> None:
        self.state = State()
        self._server = _Server(self.state)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        if request.path == "/token":
            return await self._token(request)
        if request.path == "/authorize":
            return self._consent(request)
        sent = request.headers.get("Authorization", "")
        self.state.calls.append(sent)
        good = sent.removeprefix("Bearer ") in self.state.valid
        return web.json_response({"you": sent}, status=200 if good else 401)

    async def _token(self, request: web.BaseRequest) -> web.StreamResponse:
        form = {name: values[0] for name, values in parse_qs((await request.read()).decode()).items()}
        self.state.asked.append(form)
        asked = _Request("POST", "https://login.example/token", form, dict(request.headers))
        status, body, headers = self._server.create_token_response(asked)
        if self.state.lose > 0:
            self.state.lose -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(body, status=status, headers={k: v for k, v in headers.items() if k != "Content-Type"})

    def _consent(self, request: web.BaseRequest) -> web.StreamResponse:
        """A person who agrees to everything at once."""
        asked = dict(request.query)
        assert asked["response_type"] == "code"
        code = uuid.uuid4().hex
        self.state.codes[code] = Code(
            asked["client_id"],
            asked["redirect_uri"],
            asked["code_challenge"],
            asked["code_challenge_method"],
            asked.get("scope", ""),
        )
        query = urlencode({"code": code, "state": asked["state"]})
        return web.Response(status=302, headers={"Location": f"{asked['redirect_uri']}?{query}"})


class _Request(OAuth2Request):  # type: ignore[misc]  # as above
    def __init__(self, method: str, uri: str, form: dict[str, str], headers: dict[str, str]) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = BasicOAuth2Payload(form)
        self._form = form

    @property
    def args(self) -> dict[str, str]:
        return {}

    @property
    def form(self) -> dict[str, str]:
        return self._form
