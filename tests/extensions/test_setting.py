"""A setting is one field: reading, refusals, `--help` and the reference follow from its declaration."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.generate.reference_pages import settings_page
from services.runtime import settings
from services.runtime.settings import SettingsError, load
from tests.extensions import setting
from tests.extensions.setting import ActionsWithNotes, cut
from tests.support.settings_read import unread


def test_it_is_read_from_its_variable() -> None:
    """And has its default where that is not set."""
    assert cut("abc", load(ActionsWithNotes, {"FLOWS_NOTE_CHARACTERS": "2"})) == "ab"
    assert load(ActionsWithNotes, {}).note_characters == 2000


def test_a_misspelled_name_and_a_wrong_value_stop_the_start() -> None:
    """With the right name; with the variable, its value and what it is."""
    with pytest.raises(SettingsError, match="did you mean FLOWS_NOTE_CHARACTERS"):
        load(ActionsWithNotes, {"FLOWS_NOTE_CHARACTER": "2"})
    with pytest.raises(SettingsError, match=r"FLOWS_NOTE_CHARACTERS='0': .*longest note that is written"):
        load(ActionsWithNotes, {"FLOWS_NOTE_CHARACTERS": "0"})


def test_it_is_shown_to_people() -> None:
    """By `--help`, and in the reference with who reads it."""
    assert "FLOWS_NOTE_CHARACTERS (default: 2000)" in settings.help_text(ActionsWithNotes)
    row = "| `FLOWS_NOTE_CHARACTERS` | whole number, from 1, to 10000 | `2000` | longest note that is written |"
    assert row in settings_page(settings.declared([ActionsWithNotes]))


def test_one_that_nothing_reads_is_found() -> None:
    """Its own file reads it; without that it would be one too many."""
    fields = ["note_characters"]
    assert unread(fields, [Path(setting.__file__).read_text()]) == []
    assert unread(fields, ["print(note_characters)"]) == fields
