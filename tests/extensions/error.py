"""An error code as a newcomer would add it: a row of ErrorCode in contracts/errors.py."""

from __future__ import annotations

from contracts.errors import CodeTable, WhoMustAct


class Added(CodeTable):
    """The row: its value, who must act, whether a later try may succeed, what it means."""

    NOTE_TOO_LONG = ("note_too_long", WhoMustAct.AUTHOR, False, "the note has more characters than the setting allows")
