"""What `flows sync explain` shows: for people on a terminal of 80 columns, for programs whole."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.cli.commands.sync import COLUMNS, PEOPLE, Line
from services.cli.terminal import show

AT = datetime(2026, 5, 31, 12, tzinfo=UTC)
WRITE = Line(
    AT, "write", "closum", "to-closum", "tags (one added)", "came back: tags", 1, "7dc5b0b33816040d0f4a11f13611cf78"
)
CHANGE = Line(AT, "change", "crm", "passed", "", "no write of ours is near", 0, "84ec9984-5854-4639-b54f-f8f7265d8015")


def test_people_can_read_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No word is cut, and no cell is a column of letters."""
    monkeypatch.setenv("COLUMNS", "80")
    show([one.row(as_json=False) for one in (WRITE, CHANGE)], PEOPLE, as_json=False, empty="")
    shown = capsys.readouterr().out
    for word in (
        "closum:",
        "written",
        "to-closum",
        "added)",
        "crm: passed",
        "no write",
        "7dc5b0b33816",
        "84ec9984-585",
    ):
        assert word in shown
    assert len(shown.splitlines()) < 12


def test_programs_get_all_of_it() -> None:
    row = CHANGE.row(as_json=True)
    assert tuple(row) == COLUMNS
    assert (row["id"], row["decision"], row["at"]) == (CHANGE.id, "passed", AT.isoformat())
