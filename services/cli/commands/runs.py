"""`flows runs`: how runs ended, newest last, from the topic `history`."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from cyclopts import Parameter

from contracts.runs import HistoryRecord, Outcome
from services.cli import database, installation, times, wait_rows
from services.cli.command import WATCH, declare
from services.cli.history import ends
from services.cli.terminal import SHORT, Limit, show
from services.tools.timers import waits

COLUMNS = ("at", "outcome", "flow", "subject", "step", "reason", "run_id")
command = declare("runs", WATCH)


@command.default
def list_runs(
    *,
    since: str | None = None,
    outcome: Outcome | None = None,
    flow: str | None = None,
    limit: Limit = 50,
    waiting: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """How runs ended: delivered, filtered, duplicate, suppressed, dead. Newest last.

    Parameters
    ----------
    since:
        Only ends after this: 30m, 2h, 7d, or a date and time. Default: all that Kafka still has (30 days).
    outcome:
        Only runs that ended so.
    flow:
        Only runs of this flow.
    limit:
        At most so many, the newest.
    waiting:
        The runs that wait, instead: which ends when, the next one first. `flows cancel` ends waits.
    as_json:
        Print a JSON array with every field.
    """
    if waiting:
        _waiting(flow, limit, as_json=as_json)
        return
    found = asyncio.run(ends(installation.settings(), since))
    chosen = [
        one
        for one in sorted(found.values(), key=lambda one: one.at)
        if (outcome is None or one.outcome is outcome) and (flow is None or one.flow == flow)
    ]
    rows = [row(one, as_json=as_json) for one in chosen[-limit:]]
    show(rows, COLUMNS, as_json=as_json, empty="No run has ended here yet.")
    if not as_json and len(chosen) > limit:
        print(f"{len(chosen) - limit} older ones are not shown: --limit {len(chosen)}")


def _waiting(flow: str | None, limit: int, *, as_json: bool) -> None:
    found = database.ask(lambda connection: waits.find(connection, waits.Wanted(flow=flow), limit + 1))
    rows = [wait_rows.row(one, as_json=as_json) for one in found[:limit]]
    show(rows, wait_rows.COLUMNS, as_json=as_json, empty="No run waits.")
    if not as_json and len(found) > limit:
        print(f"More wait than these {limit}: --limit N shows more")


def row(one: HistoryRecord, *, as_json: bool) -> dict[str, Any]:
    """One end as a row."""
    fields = one.model_dump(mode="json")
    return fields if as_json else {**fields, "at": times.clock(one.at), "run_id": one.run_id[:SHORT]}
