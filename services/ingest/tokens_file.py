"""The tokens file: who may send whole events, and for which accounts and sources. docs/ingest.md has it all.

    tokens:
      shop:
        accounts: [ porto ]
        sources: [ /shop, /shop/* ]       # `*` at the end: whatever begins so
        live:
          - sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
            until: 2026-12-01T00:00:00Z   # of the old one, while it is changed

Made by `flows tokens`; read once at the start.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from services.ingest.auth.event_tokens import EVERY, OURS, EventToken
from services.runtime.documents import yaml_file
from services.runtime.documents.yaml_file import FileError
from services.runtime.settings import SettingsError

VARIABLE = "FLOWS_EVENTS_TOKENS_FILE"
MOST_LIVE = 2

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=512)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LiveForm(_Form):
    """One token, by its hash."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    until: AwareDatetime | None = None


class TokenForm(_Form):
    """One sender."""

    accounts: list[Pattern] = Field(min_length=1)
    sources: list[Pattern] = Field(min_length=1)
    live: list[LiveForm] = Field(min_length=1, max_length=MOST_LIVE)

    @field_validator("accounts", "sources")
    @classmethod
    def _beginnings(cls, names: list[str]) -> list[str]:
        for name in names:
            if EVERY in name[:-1]:
                raise ValueError(f"{name!r}: `*` stands at the end, for whatever begins so")
        return names

    @field_validator("sources")
    @classmethod
    def _not_ours(cls, names: list[str]) -> list[str]:
        for name in names:
            if OURS.fullmatch(name.removesuffix(EVERY)):
                raise ValueError(f"{name!r} is a source of ingest itself: hooks, polls and schedules prove theirs")
        return names


class TokensForm(_Form):
    """The whole file."""

    tokens: dict[Name, TokenForm]


def load(path: Path) -> tuple[EventToken, ...]:
    """The tokens of a file. Raises SettingsError with every fault at once; never with what stands in the file."""
    try:
        file = yaml_file.read(path)
        found = TokensForm.model_validate(file.content())
    except FileError as error:
        raise SettingsError(f"{VARIABLE}={str(path)!r}: line {error.line}: {error}") from None
    except ValidationError as error:
        raise SettingsError("\n".join(_told(path, file, dict(fault)) for fault in error.errors())) from None
    return tuple(token_of(name, form) for name, form in found.tokens.items())


def token_of(name: str, form: TokenForm) -> EventToken:
    """The token that an entry describes."""
    hashes = tuple((one.sha256, one.until) for one in form.live)
    return EventToken(name, tuple(form.accounts), tuple(form.sources), hashes)


def written(tokens: Iterable[EventToken]) -> dict[str, Any]:
    """The content of a file with these tokens."""
    return {
        "tokens": {
            one.name: {
                "accounts": list(one.accounts),
                "sources": list(one.sources),
                "live": [_live(kept, until) for kept, until in one.hashes],
            }
            for one in tokens
        }
    }


def _live(kept: str, until: datetime | None) -> dict[str, Any]:
    return {"sha256": kept} if until is None else {"sha256": kept, "until": until.isoformat()}


def _told(path: Path, file: yaml_file.YamlFile, fault: dict[str, Any]) -> str:
    where = file.written([part for part in fault["loc"] if part != "[key]"])
    line, col = file.location(where)
    text = str(fault["msg"]).removeprefix("Value error, ")
    return f"{path}:{line}:{col}: {'.'.join(where) or 'the file'}: {text}"
