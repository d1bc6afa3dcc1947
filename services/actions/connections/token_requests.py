"""What a token endpoint is asked, by grant, and what its answer says. Pure.

Sources: RFC 6749 (2.3.1, 4.4, 6), RFC 7523 (assertions as a grant, and in place of a client's secret).
"""

from __future__ import annotations

import base64
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson
from joserfc import jwt

from services.actions.action_call import RequestBody, without_bom
from services.actions.connections.parts import Grant, OAuth2
from services.actions.connections.signing_keys import SigningKey

# RFC 6749 only recommends `expires_in`; without it a token is believed for a short while.
UNSAID_SECONDS = 300.0
LONGEST_SECONDS = 31_536_000.0  # whoever says more means for ever, and a year is enough of that
# Google takes an hour at most, Salesforce three minutes.
ASSERTION_SECONDS = 170
BEARER_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
BEARER_CLIENT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# A token is renewed before it ends, so that none ends on its way.
MARGIN_SECONDS = 30.0
SECRET_FIELDS = ("client_secret", "refresh_token", "code", "code_verifier", "assertion", "client_assertion")

Fields = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and what the next one is fetched with. `until` and `got` by the wall clock.

    `refresh`: of a sign-in. `first`: which token of the connections file it descends from; empty: from none.
    """

    value: str = field(repr=False)
    until: float
    got: float
    refresh: str = field(default="", repr=False)
    first: str = ""

    def good(self, now: float) -> bool:
        """Whether it can be taken along now."""
        return now < self.until - min(MARGIN_SECONDS, (self.until - self.got) / 2)


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A POST to the token address."""

    headers: Mapping[str, str] = field(repr=False)
    body: RequestBody = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


def renewal(oauth2: OAuth2, refresh: str, now: float) -> TokenRequest:
    """How the next token is asked for; `refresh` is the sign-in's, `now` by the wall clock."""
    fields: Fields = {}
    if oauth2.grant is Grant.REFRESH_TOKEN:
        return _request(oauth2, {"grant_type": "refresh_token", "refresh_token": refresh}, now)
    if oauth2.scope:
        fields["scope"] = oauth2.scope
    if oauth2.grant is Grant.JWT_BEARER:
        return _sent({"grant_type": BEARER_GRANT, "assertion": _assertion(oauth2, now), **fields}, {})
    if oauth2.audience:
        fields["audience"] = oauth2.audience
    return _request(oauth2, {"grant_type": "client_credentials", **fields}, now)


def exchange(oauth2: OAuth2, code: str, verifier: str, redirect: str, now: float) -> TokenRequest:
    """How a sign-in's code becomes its tokens (RFC 6749, 4.1.3; RFC 7636)."""
    fields: Fields = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "code_verifier": verifier,
    }
    return _request(oauth2, fields, now)


def _request(oauth2: OAuth2, fields: Fields, now: float) -> TokenRequest:
    """With the client's own proof."""
    if oauth2.key is not None:
        # RFC 7523, 3: issuer and subject are the client, the audience is who is asked: by the token address, or by the
        # server's own name, which is all that some take (draft-ietf-oauth-rfc7523bis).
        claims = _claims(oauth2.client_id, oauth2.client_id, oauth2.assertion_audience or oauth2.token_url, now)
        proof = {"client_id": oauth2.client_id, "client_assertion_type": BEARER_CLIENT}
        return _sent({**fields, **proof, "client_assertion": _signed(oauth2.key, claims)}, {})
    if oauth2.in_body:
        return _sent({**fields, "client_id": oauth2.client_id, "client_secret": oauth2.client_secret}, {})
    # Each is encoded by itself first: RFC 6749, 2.3.1.
    pair = f"{quote(oauth2.client_id, safe='')}:{quote(oauth2.client_secret, safe='')}"
    pair = base64.b64encode(pair.encode()).decode()
    return _sent(fields, {"Authorization": f"Basic {pair}"}, oauth2.client_secret)


def _sent(fields: Fields, headers: Mapping[str, str], secret: str = "") -> TokenRequest:
    body = RequestBody.form(fields)
    secrets = [secret, *(str(fields[name]) for name in SECRET_FIELDS if name in fields)]
    return TokenRequest(
        {"Accept": "application/json", "Content-Type": body.media_type, **headers}, body, tuple(filter(None, secrets))
    )


def _assertion(oauth2: OAuth2, now: float) -> str:
    """RFC 7523, 2.1. Google reads the scope in it too."""
    issuer = oauth2.issuer or oauth2.client_id
    claims = _claims(issuer, oauth2.subject or issuer, oauth2.audience or oauth2.token_url, now)
    if oauth2.scope:
        claims["scope"] = oauth2.scope
    if oauth2.key is None:
        raise TypeError("an assertion needs a key")
    return _signed(oauth2.key, claims)


def _claims(issuer: str, subject: str, audience: str, now: float) -> dict[str, str | int]:
    return {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": int(now),
        "exp": int(now) + ASSERTION_SECONDS,
        "jti": uuid.uuid4().hex,  # each once: a server may refuse one that it has seen
    }


def _signed(key: SigningKey, claims: Mapping[str, str | int]) -> str:
    header = {"alg": key.algorithm, "typ": "JWT"} | ({"kid": key.key_id} if key.key_id else {})
    return jwt.encode(header, dict(claims), key.key, algorithms=[key.algorithm])


def token_in(body: bytes, now: float) -> Token | None:
    """The token that an answer holds; None: none of the type bearer."""
    try:
        found = orjson.loads(without_bom(body))
        value, kind = found["access_token"], found.get("token_type") or "bearer"
        seconds = float(found.get("expires_in") or UNSAID_SECONDS)
        refresh = found.get("refresh_token")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    if not math.isfinite(seconds):
        seconds = UNSAID_SECONDS
    if not _sendable(value) or str(kind).lower() != "bearer":
        return None
    return Token(value, now + min(seconds, LONGEST_SECONDS), now, refresh if _sendable(refresh) else "")


def _sendable(value: object) -> bool:
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def refusal_in(body: bytes) -> str:
    """What an answer calls its refusal (RFC 6749, 5.2), such as `invalid_grant`; some say it with HTTP 200."""
    try:
        found = orjson.loads(without_bom(body))
        error = found["error"]
    except (ValueError, TypeError, KeyError):
        return ""
    return error if isinstance(error, str) else ""
