"""A command is one file: the list of commands and the help follow from its declaration."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from cyclopts import App

from services.cli.command import add_all
from services.cli.terminal import CommandError
from tests.extensions import commands

FLOW = "flow: {name}\non: closum.lead.created\nsteps:\n" + '  - stop: "seen"\n'


@pytest.fixture
def app() -> App:
    """A command line that has the commands of the folder, and no others."""
    made = App(name="flows", result_action="return_value", exit_on_error=False)
    assert add_all(made, commands) == ("steps",)
    return made


def test_it_is_in_the_list_with_its_line(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    """Under its group; a command that is imported has its line (services/cli/__main__.py imports all for the list)."""
    app["steps"]
    app(["--help"])
    told = capsys.readouterr().out
    assert "Write flows" in told
    assert "How many steps each flow begins with." in told


def test_it_is_imported_when_it_is_used(app: App) -> None:
    """So that `flows --version`, and every other command, costs nothing more for it."""
    sys.modules.pop("tests.extensions.commands.steps", None)
    list(app)
    assert "tests.extensions.commands.steps" not in sys.modules


def test_it_runs(app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its options, its JSON, and a mistake as an error that a person can read."""
    (tmp_path / "seen.yaml").write_text(FLOW.format(name="seen"))
    app(["steps", str(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out) == [{"flow": "seen", "steps": 1}]
    (tmp_path / "bad.yaml").write_text("flow: bad\n")
    with pytest.raises(CommandError, match=r"bad\.yaml:1:1"):
        app(["steps", str(tmp_path)])
