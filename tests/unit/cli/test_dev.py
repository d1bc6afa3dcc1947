"""`flows dev` runs the sources that `flows check` knows; here up to where the services would start."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from services.cli.commands import check, sources
from services.cli.commands.dev import develop
from services.cli.stack.stack import StackPlan
from services.cli.terminal import CommandError
from services.ingest.sources.load import Sources, load
from tests.support.form_flow import form_folder

OURS = {"whatsapp", "leads", "contacts", "sms", "unsubscribes", "emails"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, with a flow and an example of what starts it."""
    return form_folder(tmp_path, monkeypatch)


class PlannedError(Exception):
    """The plan is made."""


def planned(monkeypatch: pytest.MonkeyPatch, own: Path | None = None) -> tuple[StackPlan, Sources]:
    """What `flows dev flows` would start, and the sources that ingest would read."""
    plans: list[StackPlan] = []

    @contextlib.contextmanager
    def running(_folder: object, plan: StackPlan, *_: object) -> Iterator[NoReturn]:
        plans.append(plan)
        raise PlannedError
        yield

    monkeypatch.setattr(develop, "running", running)
    with pytest.raises(PlannedError):
        develop.develop(Path("flows"), 8080, None, own)
    return plans[0], load(plans[0].sources, plans[0].secrets)


def names(made: Sources) -> set[str]:
    return {hook.name for hook in made.hooks}


def test_a_new_source_is_checked_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """New, check, dev: the three commands of docs/sources.md, one after the other."""
    sources.new("form", sample=[Path("e.json")])
    assert check.check_paths([Path("flows")]) == 0
    plan, made = planned(monkeypatch)
    assert names(made) == {*OURS, "form"}
    assert [hook.name for hook in develop._hooks(plan)] == ["form"], (
        "its address is told: the one for which a flow runs"
    )
    assert made.hooks.find("form", plan.secrets["HOOK_TOKEN_FORM"]) is not None


@pytest.mark.parametrize("place", ["sources.yaml", "flows/form-sources.yaml", "sources/other.yml", "elsewhere.yaml"])
def test_wherever_the_check_finds_it(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder, beside the flows, or where the environment says."""
    sources.new("form", sample=[Path("e.json")], to=Path(place))
    if place == "elsewhere.yaml":
        monkeypatch.setenv("FLOWS_SOURCES_FILE", place)
    assert check.check_paths([Path("flows")]) == 0
    assert names(planned(monkeypatch)[1]) == {*OURS, "form"}


def test_the_sources_that_are_named_are_those_that_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no others run."""
    sources.new("form", sample=[Path("e.json")], to=Path("mine.yaml"))
    plan, made = planned(monkeypatch, Path("mine.yaml"))
    assert plan.sources == Path("mine.yaml").absolute()
    assert names(made) == {"form"}


def test_a_source_with_the_name_of_one_of_ours_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in deploy/config/sources.yaml."""
    sources.new("form", sample=[Path("e.json")], to=Path("sources/form.yaml"))
    text = "sources:\n  leads: { trigger: closum.lead.created, token: { env: MY_TOKEN } }\n"
    Path("sources/mine.yaml").write_text(text)
    plan, made = planned(monkeypatch)
    assert names(made) == {*OURS, "form"}
    assert made.hooks.find("leads", plan.secrets["MY_TOKEN"]) is not None


def test_a_sources_file_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its setting, and nothing is started."""
    monkeypatch.setenv("FLOWS_SOURCES_FILE", "gone.yaml")
    with pytest.raises(CommandError, match=r"gone\.yaml"):
        develop.develop(Path("flows"), 8080, None, None)
