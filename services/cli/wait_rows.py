"""Runs that wait, as commands show them."""

from __future__ import annotations

from typing import Any

from services.cli import times
from services.cli.terminal import SHORT
from services.tools.timers.waits import Waiting

COLUMNS = ("due", "flow", "subject", "step", "run_id")


def row(wait: Waiting, *, as_json: bool) -> dict[str, Any]:
    """For a list: for programs whole, for people what stands in COLUMNS."""
    told: dict[str, Any] = {
        "due": wait.due.isoformat() if as_json else times.clock(wait.due),
        "flow": wait.flow,
        "subject": wait.subject,
        "step": wait.step,
        "run_id": wait.run_id if as_json else wait.run_id[:SHORT],
    }
    return {**told, "account": wait.account, "set_at": wait.set_at.isoformat()} if as_json else told
