"""`flows tokens`: who may send whole events to ingest, and for which accounts and sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from services.cli import event_tokens
from services.cli.command import OPERATE, declare
from services.cli.event_tokens import EventToken, hash_of, new_token
from services.cli.terminal import CommandError, show
from services.flows.durations import parse_duration
from services.runtime.documents.suggestion import suggestion

command = declare("tokens", OPERATE, "Tokens: who may send whole events to ingest, for which accounts and sources.")

Name = Annotated[str, Parameter(name="NAME")]
Names = Annotated[list[str], Parameter(negative="")]
COLUMNS = ("name", "accounts", "sources", "live")


@command.command
def new(name: Name, *, account: Names, source: Names, file: Path | None = None) -> None:
    """Make a token for one sender, and print it: this once, as only its hash is kept.

    Parameters
    ----------
    name:
        Whose it is: a small letter, then small letters, digits, - or _.
    account:
        An account whose events it may send; several by several. `*` at the end: whatever begins so.
    source:
        A `source` under which it may send them, such as /shop or /shop/*; several by several.
    file:
        The tokens file. Default: FLOWS_EVENTS_TOKENS_FILE, else tokens.yaml here.
    """
    path = event_tokens.which(file)
    known = event_tokens.read(path, may_be_new=True)
    if any(one.name == name for one in known):
        raise CommandError(f"{name!r} has a token already: `flows tokens rotate {name}` makes another one")
    token = new_token()
    made = EventToken(name, tuple(account), tuple(source), ((hash_of(token), None),))
    event_tokens.write(path, [*known, made])
    _tell(path, token)


@command.command
def rotate(name: Name, *, overlap: str = "24h", file: Path | None = None) -> None:
    """Make a sender's next token, and print it once. The one before counts for a while yet.

    Parameters
    ----------
    name:
        Whose it is.
    overlap:
        For how long the old one counts beside it, such as 24h or 7d.
    file:
        The tokens file. Default: FLOWS_EVENTS_TOKENS_FILE, else tokens.yaml here.
    """
    path = event_tokens.which(file)
    known = event_tokens.read(path)
    found = _found(name, known)
    try:
        seconds = parse_duration(overlap)
    except ValueError as error:
        raise CommandError(f"--overlap {overlap!r}: {error}") from None
    now = datetime.now(UTC).replace(microsecond=0)
    until = now + timedelta(seconds=seconds)
    # The latest of those that count; an older one ends now, as two are live at most.
    last, ends = found.hashes[-1]
    old = (last, until if ends is None or ends > until else ends)
    token = new_token()
    made = replace(found, hashes=(old, (hash_of(token), None)))
    event_tokens.write(path, [made if one is found else one for one in known])
    _tell(path, token)
    print(f"The one before counts until {old[1]:%Y-%m-%d %H:%M} UTC.")


@command.command
def revoke(name: Name, *, file: Path | None = None) -> None:
    """Take away all tokens of a sender.

    Parameters
    ----------
    name:
        Whose they are.
    file:
        The tokens file. Default: FLOWS_EVENTS_TOKENS_FILE, else tokens.yaml here.
    """
    path = event_tokens.which(file)
    known = event_tokens.read(path)
    found = _found(name, known)
    event_tokens.write(path, [one for one in known if one is not found])
    print(f"{name!r} is no longer in {path}. Ingest refuses its tokens from its next start on.")


@command.command(name="list")
def list_(*, file: Path | None = None, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Who has tokens, and for what.

    Parameters
    ----------
    file:
        The tokens file. Default: FLOWS_EVENTS_TOKENS_FILE, else tokens.yaml here.
    as_json:
        Print a JSON array.
    """
    now = datetime.now(UTC)
    rows = [_row(one, now) for one in event_tokens.read(event_tokens.which(file))]
    show(rows, COLUMNS, as_json=as_json, empty="Nobody has a token.")


def _row(one: EventToken, now: datetime) -> dict[str, Any]:
    live = [until for _, until in one.hashes if until is None or now < until]
    told = ["until it is revoked" if until is None else f"until {until:%Y-%m-%d %H:%M}" for until in live]
    return {"name": one.name, "accounts": list(one.accounts), "sources": list(one.sources), "live": told}


def _found(name: str, known: Sequence[EventToken]) -> EventToken:
    for one in known:
        if one.name == name:
            return one
    raise CommandError(f"nobody of that name has a token: {name!r}; {suggestion(name, [one.name for one in known])}")


def _tell(path: Path, token: str) -> None:
    print(token)
    print(f"It stands here and nowhere else: {path} keeps its hash. Ingest reads the file at its start.")
