"""Where secrets of the sources file stand: in an environment variable or in a file, never in the file itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,512}")
RANDOM = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'
MOST_LIVE = 2


class TokenError(Exception):
    """A secret is not where the file says, or can be guessed. The text never holds it."""


class SecretPlace(BaseModel):
    """Where one secret stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = Field(default=None, min_length=1)
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_token(cls, value: object) -> object:
        if isinstance(value, str):
            # ValueError and not TypeError: only that one becomes a fault with a place.
            raise ValueError("a token never stands in this file: write { env: NAME } or { file: PATH }")  # noqa: TRY004
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("is either { env: NAME } or { file: PATH }")
        return self

    @property
    def named(self) -> str:
        """The place, for a person."""
        return f"the file {str(self.file)!r}" if self.file else f"the environment variable {self.env!r}"

    def read(self, environ: Mapping[str, str]) -> bytes:
        """The secret, without white space at its ends. Raises TokenError."""
        if self.file is not None:
            try:
                secret = self.file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise TokenError(f"{self.named} cannot be read: {reason}") from None
        else:
            secret = environ.get(self.env or "", "").strip()
        if not secret:
            raise TokenError(f"{self.named} holds no token: set it, for example to the output of {RANDOM}")
        return secret.encode()

    def token(self, environ: Mapping[str, str]) -> bytes:
        """A secret that is fit to stand in a path and cannot be guessed. Raises TokenError."""
        secret = self.read(environ)
        if not TOKEN.fullmatch(secret.decode()):
            raise TokenError(
                f"{self.named} holds no fit token: 16 or more of A-Z a-z 0-9 - . _ ~, for example from {RANDOM}"
            )
        return secret


def _several(value: object) -> object:
    return value if isinstance(value, list) else [value]


Secrets = Annotated[list[SecretPlace], BeforeValidator(_several), Field(min_length=1, max_length=MOST_LIVE)]
"""One secret, or a list of two while it is changed: both are live."""
