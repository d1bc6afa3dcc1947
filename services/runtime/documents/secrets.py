"""Secrets that a file of configuration names but never holds: `{ env: NAME }` or `{ file: PATH }`."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

HIDDEN = "[hidden]"
SHORTEST_MASKED = 4


class SecretError(Exception):
    """A secret is not where the file says. The text never holds it."""


class SecretSource(BaseModel):
    """Where a secret stands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    several_lines: ClassVar[bool] = False

    env: str | None = Field(default=None, min_length=1, description="name of an environment variable")
    file: Path | None = Field(default=None, description="path of a file that holds the secret and nothing else")

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, value: object) -> object:
        if isinstance(value, str):
            # ValueError and not TypeError: only that one becomes a fault with a location.
            raise ValueError("a secret never stands in this file: write { env: NAME } or { file: PATH }")  # noqa: TRY004
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is either { env: NAME } or { file: PATH }")
        return self

    @property
    def named(self) -> str:
        """Where it stands, for a person."""
        return f"the file {str(self.file)!r}" if self.file else f"the environment variable {self.env!r}"

    def read(self, environ: Mapping[str, str]) -> str:
        """The secret, without white space at its ends.

        Raises SecretError when it is missing, empty, unreadable, or not one line of signs that can be printed.
        """
        if self.file is not None:
            try:
                value = self.file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise SecretError(f"{self.named} cannot be read: {reason}") from None
        else:
            value = environ.get(self.env or "", "").strip()
        if not value:
            raise SecretError(f"{self.named} holds no secret: set it")
        if not all(line.isprintable() for line in (value.splitlines() if self.several_lines else [value])):
            raise SecretError(f"{self.named} holds more than one line, or signs that cannot be printed")
        return value


class SecretDocument(SecretSource):
    """A secret that may have several lines, as private keys have."""

    several_lines: ClassVar[bool] = True


class Mask:
    """Takes secrets out of what comes from outside, in every form in which they can come back.

    As they are, percent-encoded (each library leaves other characters as they are), in JSON, in HTML, in base64.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        whole = {secret for secret in secrets if len(secret) >= SHORTEST_MASKED}
        whole |= {base64.b64encode(secret.encode()).decode() for secret in whole}
        # The longest first: one can hold another. The probe is what no encoding changes, to find out fast.
        self._secrets = [(_probe(secret), _pattern(secret)) for secret in sorted(whole, key=len, reverse=True)]

    def text(self, text: str) -> str:
        """The text without secrets."""
        if not self._secrets:
            return text
        return self.content(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def content(self, content: bytes) -> bytes:
        """The bytes without secrets."""
        for probe, pattern in self._secrets:
            if probe in content:
                content = pattern.sub(HIDDEN.encode(), content)
        return content


def _probe(secret: str) -> bytes:
    runs: list[str] = re.findall(r"[A-Za-z0-9]*", secret)
    return max(runs, key=len).encode()


def _pattern(secret: str) -> re.Pattern[bytes]:
    """Each character in any of its forms."""
    return re.compile(b"".join(_forms(character) for character in secret))


def _forms(character: str) -> bytes:
    plain = character.encode()
    if plain.isalnum():
        return plain
    percent = "".join(f"%{byte:02x}" for byte in plain)
    others = {json.dumps(character)[1:-1], html.escape(character), f"&#{ord(character)};", f"&#x{ord(character):x};"}
    if character == " ":
        others.add("+")
    if character == "/":
        others.add("\\/")
    # The longest first: `\"` begins with what `\` is.
    alternatives = sorted({re.escape(form.encode()) for form in {percent, *others}} | {re.escape(plain)}, key=len)
    return b"(?i:" + b"|".join(reversed(alternatives)) + b")"
