"""`flows reschedule`: a wait ends at another moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter

from services.cli import database, wait_rows
from services.cli.command import OPERATE, declare
from services.cli.terminal import CommandError, show
from services.flows.durations import LONGEST_SECONDS, DurationError, parse_duration
from services.tools.timers import waits

command = declare("reschedule", OPERATE)


@command.default
def reschedule_waits(
    *,
    run: str,
    until: str | None = None,
    in_: Annotated[str | None, Parameter(name="--in")] = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Let a wait end at another moment.

    Parameters
    ----------
    run:
        A run's id, or its first 12 characters, as `flows runs --waiting` shows them.
    until:
        The moment, such as 2026-12-24T18:00+00:00; without an offset, this machine's time.
    in_:
        So long from now: 0s, 30m, 2h.
    as_json:
        Print a JSON array.
    """
    if (until is None) == (in_ is None):
        raise CommandError("say when: --until MOMENT or --in 2h", 2)
    due = _moment(until) if until is not None else _from_now(in_ or "")
    found = database.ask(lambda connection: waits.reschedule(connection, waits.Wanted(run=run), due))
    if not found:
        raise CommandError(f"no run {run!r} waits. `flows runs --waiting` shows what does")
    show([wait_rows.row(one, as_json=as_json) for one in found], wait_rows.COLUMNS, as_json=as_json, empty="")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(f"--until {text!r} is no moment: write it as 2026-12-24T18:00+00:00", 2) from None
    if found - datetime.now(UTC) > timedelta(seconds=LONGEST_SECONDS):
        raise CommandError(f"--until {text!r} is too late: the longest wait is ten years", 2)
    return found


def _from_now(text: str) -> datetime:
    try:
        return datetime.now(UTC) + timedelta(seconds=0 if text == "0s" else parse_duration(text))
    except DurationError as error:
        raise CommandError(f"--in: {error}", 2) from None
