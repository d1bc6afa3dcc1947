"""What one command finds in a folder, every other one finds: they ask services/project, and none looks for itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.cli.commands import check, sources
from services.cli.commands import list as list_command
from services.cli.commands import test as test_command
from services.cli.deployments import from_paths
from services.cli.terminal import CommandError
from services.tools.deployed.deployment_tables import Deployment
from tests.support.form_flow import form_folder

CASES = "flow: form\ncases:\n  - given: { trigger: webhook.form, example: true }\n    name: it\n    expect: {}\n"
PLACES = ("flows/form-sources.yaml", "sources.yaml", "sources/other.yml", "elsewhere.yaml")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, with a flow, its case, and an example of what starts it."""
    (form_folder(tmp_path, monkeypatch) / "flows/form.test.yaml").write_text(CASES)


def _check() -> None:
    assert check.check_paths([Path("flows")]) == 0


def _list() -> None:
    list_command.list_flows(Path("flows"))


def _test() -> None:
    test_command.play_cases([Path("flows")], as_json=True)


def _deploy() -> None:
    flows, versions = from_paths([Path("flows")], None, alone=True)(Deployment(), ())
    assert [*flows] == [one.name for one in versions] == ["form"]


def test_without_its_source_each_refuses() -> None:
    """So that the test below can fail."""
    for refused in (_list, _test, _deploy):
        with pytest.raises(CommandError, match="mistakes"):
            refused()
    with pytest.raises(AssertionError):
        _check()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", [_check, _list, _test, _deploy], ids=lambda each: each.__name__)
def test_a_declared_trigger_is_known_wherever_its_source_stands(
    command: Callable[[], None], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the flows, where the command runs, in its folder of sources, or where the environment says."""
    sources.new("form", sample=[Path("e.json")], to=Path(place))
    if place == "elsewhere.yaml":
        monkeypatch.setenv("FLOWS_SOURCES_FILE", place)
    command()
