"""The sources file: which hooks there are, what they send, and where their tokens stand.

    sources:
      whatsapp:
        trigger: closum.whatsapp.message_received
        token: { env: HOOK_TOKEN_WHATSAPP }     # or { file: PATH }
        account: default                        # optional

Read once at the start: a changed token needs a restart.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from contracts.triggers.registry import TRIGGERS
from services.ingest.sources.hook import Hook, Hooks
from services.runtime.settings import SettingsError

TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,512}")
RANDOM = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class TokenError(Exception):
    """A token is not where the file says, or can be guessed. The text never holds it."""


class TokenPlace(BaseModel):
    """Where a token stands."""

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

    def read(self, environ: Mapping[str, str]) -> bytes:
        """The token, without white space at its ends. Raises TokenError."""
        if self.file is not None:
            place = f"the file {str(self.file)!r}"
            try:
                token = self.file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise TokenError(f"{place} cannot be read: {reason}") from None
        else:
            place = f"the environment variable {self.env!r}"
            token = environ.get(self.env or "", "").strip()
        if not token:
            raise TokenError(f"{place} holds no token: set it, for example to the output of {RANDOM}")
        if not TOKEN.fullmatch(token):
            raise TokenError(
                f"{place} holds no fit token: 16 or more of A-Z a-z 0-9 - . _ ~, for example from {RANDOM}"
            )
        return token.encode()


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    trigger: str
    token: TokenPlace
    account: str = Field(default="default", min_length=1, max_length=512)

    @field_validator("trigger")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in TRIGGERS:
            raise ValueError(f"there is no trigger {name!r}; {nearest(name)}")
        return name


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sources: dict[Name, _Entry]


def nearest(name: str) -> str:
    """What to tell someone who named a trigger that is not there."""
    near = difflib.get_close_matches(name, TRIGGERS, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(TRIGGERS))}"


def load(path: Path, environ: Mapping[str, str] | None = None) -> Hooks:
    """Read and check the sources file. Raises SettingsError with every fault at once: file:line, place, remedy."""
    document = _document(path)
    try:
        entries = _File.model_validate(_plain(document)).sources
    except ValidationError as error:
        raise SettingsError("\n".join(_told(path, document, fault) for fault in error.errors())) from None
    hooks, faults = [], []
    for name, entry in entries.items():
        try:
            token = entry.token.read(os.environ if environ is None else environ)
            hooks.append(Hook(name, TRIGGERS[entry.trigger], token, entry.account))
        except TokenError as error:
            faults.append(f"{path}:{_line(document, ('sources', name, 'token'))}: sources.{name}.token: {error}")
    if faults:
        raise SettingsError("\n".join(faults))
    return Hooks(hooks)


def _document(path: Path) -> Any:  # noqa: ANN401 - YAML is anything
    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"FLOWS_SOURCES_FILE={str(path)!r}: cannot be read: {reason}") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise SettingsError(f"{where}: this is not YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        raise SettingsError(f"{path}: this is not YAML: {str(error).splitlines()[0]}") from None


def _plain(node: Any) -> Any:  # noqa: ANN401 - YAML is anything
    return {key: _plain(value) for key, value in node.items()} if isinstance(node, CommentedMap) else node


def _told(path: Path, document: Any, fault: Any) -> str:  # noqa: ANN401 - YAML is anything; pydantic's ErrorDetails
    where = tuple(str(part) for part in fault["loc"] if part != "[key]")
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        message = "no such field; a source has trigger, token and account"
    elif fault["type"] in {"model_type", "dict_type"}:
        message = "must be a mapping: see the example at the top of deploy/config/sources.yaml"
    elif "[key]" in fault["loc"]:
        message = "a name is a small letter, then small letters, digits, - or _"
    # Never the input itself: somebody may have written a token where its name belongs.
    return f"{path}:{_line(document, where)}: {'.'.join(where) or 'the file'}: {message}"


def _line(node: Any, where: tuple[str, ...]) -> int:  # noqa: ANN401 - YAML is anything
    """The line of the deepest part of a path that the document has."""
    line = 1
    for part in where:
        if not isinstance(node, CommentedMap) or part not in node:
            break
        line = node.lc.key(part)[0] + 1
        node = node[part]
    return line
