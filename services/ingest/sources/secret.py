"""Secrets of a source: one, or two while it is changed; and those that are tokens of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from services.runtime.documents.secrets import SecretError, SecretSource

TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,512}")
RANDOM = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
MOST_LIVE = 2


def token(source: SecretSource, environ: Mapping[str, str]) -> bytes:
    """A secret that is fit to stand in a path and cannot be guessed. Raises SecretError."""
    try:
        secret = source.read(environ)
    except SecretError as error:
        raise SecretError(f"{error}. A new token: {RANDOM}") from None
    if not TOKEN.fullmatch(secret):
        raise SecretError(
            f"{source.named} holds no fit token: 16 or more of A-Z a-z 0-9 - . _ ~, for example from {RANDOM}"
        )
    return secret.encode()


def _several(value: object) -> object:
    return value if isinstance(value, list) else [value]


Secrets = Annotated[list[SecretSource], BeforeValidator(_several), Field(min_length=1, max_length=MOST_LIVE)]
"""One secret, or a list of two while it is changed: both are live."""
