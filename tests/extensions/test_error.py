"""An error code is one row: who must act, whether it is tried again and the reference follow from it."""

from __future__ import annotations

from services.cli.generate.reference_pages import errors_page
from tests.extensions.error import Added


def test_it_says_what_follows_from_it() -> None:
    """No caller decides again."""
    assert (Added.NOTE_TOO_LONG.who_must_act, Added.NOTE_TOO_LONG.retriable) == ("author", False)


def test_it_is_shown_to_people() -> None:
    """In the reference."""
    row = "| `note_too_long` | the note has more characters than the setting allows | author | no |"
    assert row in errors_page(Added)
