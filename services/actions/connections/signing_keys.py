"""Private keys that assertions are signed with: PEM, JWK, or the file that Google gives for a service account."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, RSAKey

CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}


class KeyFormError(ValueError):
    """It is no private key that can be used. The text never holds it."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and what its file says besides: Google's names the key and the account."""

    key: Key = field(repr=False)
    algorithm: str
    key_id: str = ""
    issuer: str = ""
    token_url: str = ""


def signing_key(text: str) -> SigningKey:
    """Read a key. Raises KeyFormError."""
    if not text.lstrip().startswith("{"):
        return _of(_pem(text))
    try:
        found = orjson.loads(text)
    except ValueError:
        raise KeyFormError("the private key's file begins as JSON and is none") from None
    if "kty" in found:
        try:
            return _of(JWKRegistry.import_key(found), key_id=str(found.get("kid", "")))
        except (JoseError, ValueError, TypeError, KeyError):
            raise KeyFormError("the private key is no JWK that can be read") from None
    named = {name: found.get(name) for name in ("private_key", "private_key_id", "client_email", "token_uri")}
    if not isinstance(named["private_key"], str):
        raise KeyFormError("the JSON holds neither `kty` (a JWK) nor `private_key` (a service account of Google)")
    texts = {name: value if isinstance(value, str) else "" for name, value in named.items()}
    return _of(
        _pem(texts["private_key"]), texts["private_key_id"], issuer=texts["client_email"], token_url=texts["token_uri"]
    )


def _pem(text: str) -> Key:
    for kind in (RSAKey, ECKey):
        try:
            return kind.import_key(text)
        except (JoseError, ValueError, TypeError):
            continue
    raise KeyFormError("the private key is no PEM of an RSA or EC key without a password")


def _of(key: Key, key_id: str = "", issuer: str = "", token_url: str = "") -> SigningKey:
    if not key.is_private:
        raise KeyFormError("this is a public key: the private one is needed")
    if isinstance(key, RSAKey):
        algorithm = "RS256"
    elif isinstance(key, ECKey) and key.curve_name in CURVES:
        algorithm = CURVES[key.curve_name]
    else:
        raise KeyFormError("assertions are signed with RSA, P-256, P-384 or P-521")
    return SigningKey(key, algorithm, key_id, issuer, token_url)
