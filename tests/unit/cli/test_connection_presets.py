"""`flows connections presets` and `new`: a known platform becomes an entry, and nothing else in the file changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.actions.connections import load
from services.actions.connections.presets import PRESETS
from services.cli.commands import connections
from services.cli.terminal import CommandError

THERE = """\
# Ours.
connections:
    # The one that pays.
    shop:   { base_url: "https://shop.example",   call_seconds: 5 }   # never change this
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to run in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLOWS_CONNECTIONS_FILE", raising=False)
    return tmp_path


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_becomes_an_entry(here: Path, preset: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is made where there is none; what is to be set and put in is told, and the next command for sign-ins."""
    connections.new("our-crm", preset=preset)
    assert load(here / "connections.yaml", secrets=False).keys() == {"our-crm"}
    told = capsys.readouterr().out
    found = PRESETS[preset]
    for what in (*found.variables("our-crm"), *found.placeholders, "flows connections test our-crm"):
        assert what in told
    assert ("flows connections login our-crm" in told) == found.signs_in
    text = (here / "connections.yaml").read_text()
    assert f"flows connections presets {preset}" in text
    assert "{NAME}" not in text


def test_what_stands_there_stays_as_it_is(here: Path) -> None:
    """Comments, spaces and indentation too; each further one is appended."""
    file = here / "ours.yaml"
    file.write_text(THERE)
    connections.new("talk", preset="slack", file=file)
    connections.new("crm", preset="zoho", file=file)
    assert file.read_text().startswith(THERE)
    assert list(load(file, secrets=False)) == ["shop", "talk", "crm"]


def test_the_file_of_the_environment_is_the_one(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLOWS_CONNECTIONS_FILE; one without connections is filled, and keeps its comments."""
    file = here / "elsewhere" / "c.yaml"
    file.parent.mkdir()
    file.write_text("# ours\nconnections: {}\n")
    monkeypatch.setenv("FLOWS_CONNECTIONS_FILE", str(file))
    connections.new("talk", preset="slack")
    assert file.read_text().startswith("# ours\nconnections:\n")
    assert list(load(file, secrets=False)) == ["talk"]


@pytest.mark.parametrize(
    ("name", "preset", "text", "told"),
    [
        ("shop", "slack", THERE, "has a connection 'shop' already"),
        ("talk", "slak", THERE, "did you mean 'slack'"),
        ("Talk", "slack", THERE, "is no name"),
        ("talk", "slack", "connections: [a]\n", "no connections file"),
        ("talk", "slack", "- a\n", "no connections file"),
        ("talk", "slack", "connections: {\n", "is no YAML"),
        ("talk", "slack", "connections: { shop: { base_url: 'https://x' } }\n", "as it is written"),
        ("talk", "slack", f"{THERE}...\n", "as it is written"),
    ],
)
def test_what_cannot_be_written_is_told(here: Path, name: str, preset: str, text: str, told: str) -> None:
    """And the file is as it was."""
    file = here / "ours.yaml"
    file.write_text(text)
    with pytest.raises(CommandError, match=told):
        connections.new(name, preset=preset, file=file)
    assert file.read_text() == text
    assert [one.name for one in here.iterdir()] == ["ours.yaml"]


def test_a_place_that_cannot_be_written_is_told(here: Path) -> None:
    """A folder, or below a file."""
    (here / "file").write_text("")
    for place in (here, here / "file" / "c.yaml"):
        with pytest.raises(CommandError, match="cannot"):
            connections.new("talk", preset="slack", file=place)


def test_presets_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """All with how sure they are; one with where each thing is known from, and a creation as a step."""
    connections.presets(as_json=True)
    rows = {row["preset"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows.keys() == PRESETS.keys()
    assert rows["zoho"]["credentials"] == "oauth2, refresh_token"
    connections.presets("zoho", as_json=True)
    facts = {fact["what"]: fact for fact in json.loads(capsys.readouterr().out)}
    assert facts["token_address"]["is"] == "https://accounts.zoho.eu/oauth/v2/token"
    assert facts["failure"]["known"] == "inferred"
    connections.presets("zoho")
    told = capsys.readouterr().out
    assert "action: http.request" in told
    assert "absent_status" in told
    with pytest.raises(CommandError, match="did you mean 'zoho'"):
        connections.presets("zohoo")
