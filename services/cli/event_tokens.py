"""The tokens file of ingest, as commands read and write it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML

from services.cli.terminal import CommandError
from services.ingest.auth.event_tokens import EVERY, EventToken, hash_of
from services.ingest.tokens_file import VARIABLE, TokensForm, load, written
from services.runtime.settings import SettingsError

__all__ = ["EVERY", "EventToken", "hash_of", "new_token", "read", "which", "write"]

HEAD = "# Who may send whole events to ingest. Made by `flows tokens`; it holds hashes, and no token.\n"


def new_token() -> str:
    """256 random bits, to be recognised when they are found where they do not belong."""
    return f"flows_{secrets.token_urlsafe(32)}"


def which(file: Path | None) -> Path:
    """The file that is meant."""
    named = os.environ.get(VARIABLE)
    return file or Path(named or "tokens.yaml")


def read(file: Path, *, may_be_new: bool = False) -> tuple[EventToken, ...]:
    """The tokens of the file. Raises CommandError with every fault of it."""
    if may_be_new and not file.exists():
        return ()
    try:
        return load(file)
    except SettingsError as error:
        raise CommandError(str(error)) from None


def write(file: Path, tokens: Sequence[EventToken]) -> None:
    """Write all tokens, in one step: ingest never meets half of the file. Raises CommandError with every fault."""
    content = written(tokens)
    try:
        TokensForm.model_validate(content)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in error.errors(include_url=False)]
        raise CommandError("\n".join(faults)) from None
    text = StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 200
    yaml.dump(content, text)
    beside = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(HEAD + text.getvalue(), encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        raise CommandError(f"cannot write {str(file)!r}: {error.strerror}") from None
