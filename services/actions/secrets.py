"""Secrets that a file of configuration names but never holds: `{ env: NAME }` or `{ file: PATH }`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, ConfigDict, Field, model_validator

HIDDEN = "[hidden]"
SHORTEST_MASKED = 4


class SecretError(Exception):
    """A secret is not where the file says. The text never holds it."""


class SecretSource(BaseModel):
    """Where a secret stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = Field(default=None, min_length=1, description="name of an environment variable")
    file: Path | None = Field(default=None, description="path of a file that holds the secret and nothing else")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is either { env: NAME } or { file: PATH }")
        return self

    def read(self, environ: Mapping[str, str]) -> str:
        """The secret, without white space at its ends. Raises SecretError when it is missing, empty or unreadable."""
        if self.file is not None:
            try:
                value = self.file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise SecretError(f"the file {str(self.file)!r} cannot be read: {reason}") from None
            place = f"the file {str(self.file)!r}"
        else:
            value = environ.get(self.env or "", "").strip()
            place = f"the environment variable {self.env!r}"
        if not value:
            raise SecretError(f"{place} holds no secret: set it")
        if not value.isprintable():
            raise SecretError(f"{place} holds more than one line, or signs that cannot be printed")
        return value


class Mask:
    """Takes secrets out of texts that come from outside, in every form in which they can come back."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            forms |= {
                secret,
                quote(secret, safe=""),
                quote_plus(secret),
                json.dumps(secret)[1:-1],
                json.dumps(secret, ensure_ascii=False)[1:-1],
                base64.b64encode(secret.encode()).decode(),
            }
        # A very short one would be found everywhere. The longest first: one form can hold another.
        self._texts = sorted((form for form in forms if len(form) >= SHORTEST_MASKED), key=len, reverse=True)
        self._forms = [form.encode() for form in self._texts]

    def text(self, text: str) -> str:
        """The text without secrets."""
        for form in self._texts:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    def content(self, content: bytes) -> bytes:
        """The bytes without secrets."""
        for form in self._forms:
            if form in content:
                content = content.replace(form, HIDDEN.encode())
        return content
