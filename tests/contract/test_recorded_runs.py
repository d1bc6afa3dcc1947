"""What a release would have called is what we call, with the same effect ids: its recorded runs, played by our code.

Each release from 0.1.0 on is recorded in tests/data/recorded. What changed on purpose stands in changed.yaml there,
with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import services.tools.catalog
from services.flows.catalogue import collect
from services.flows.check import check
from services.flows.load import FlowSource, load_text
from services.project.catalogue import catalogue
from tests.recorded import form, replay
from tests.recorded.replay import Difference

CHANGED = form.FOLDER / "changed.yaml"
TOOLS = collect(services.tools.catalog)


@pytest.fixture(params=form.releases(), ids=lambda folder: folder.name)
def release(request: pytest.FixtureRequest) -> Path:
    """The folder of each recorded release."""
    folder: Path = request.param
    return folder


def test_releases_are_recorded() -> None:
    assert [folder.name for folder in form.releases()][:1] == ["0.1.0"]


def test_all_that_a_release_declared_is_in_its_recording(release: Path) -> None:
    """Every kind of step, trigger, tool, action and end, played and not only written down."""
    assert form.unplayed(release) == []


def test_what_a_release_would_have_called_is_what_we_call(release: Path, tmp_path: Path) -> None:
    """Calls, effect ids, needs, waits, ends, and every message in between; but for what changed.yaml lists."""
    found = [*_found(release), *_check(release, tmp_path)]

    assert unlisted(found, _listed(release)) == []


def test_a_change_on_purpose_is_matched_exactly() -> None:
    """A difference without its entry, an entry without its difference, and another number of them are told."""
    one, other = Difference("a: b: run.at", "1", "2"), Difference("a: c: run.at", "1", "2")
    assert unlisted([one], [{"place": "a: b: run.at", "was": "1", "now": "2"}]) == []
    assert unlisted([one, other], [{"place": "a: *: run.at", "was": "1", "now": "2", "times": 2}]) == []
    assert unlisted([one], []) == ["not listed: a: b: run.at: was '1', is '2'"]
    assert unlisted([], [{"place": "a"}]) == ["listed, but not found: a (0 of 1)"]
    assert unlisted([one, other], [{"place": "a: *", "was": "1", "now": "2"}]) == [
        "listed, but not found: a: * (2 of 1)"
    ]
    assert len(unlisted([one], [{"place": "a: b: run.at", "was": "1", "now": "3"}])) == 2


@pytest.mark.parametrize("part", ["effect_id", "inputs", "connection"])
def test_a_call_that_is_another_one_is_found(part: str) -> None:
    """The comparison can fail: a recording with one altered call."""
    recorded = form.read(form.FOLDER / "0.1.0" / "recorded-requests.json")
    act = recorded["cases"][0]["runs"][0]["turns"][0]["next"]["act"]
    act[part] = {"method": "GET", "url": "/another"} if part == "inputs" else "another"

    assert f".act.{part}" in "".join(one.place for one in replay.differences("altered", recorded, TOOLS))


def test_a_message_that_cannot_be_read_any_more_is_a_difference() -> None:
    recorded = form.read(form.FOLDER / "0.1.0" / "recorded-requests.json")
    recorded["cases"][0]["runs"][0]["turns"][1]["with"]["answer"]["outputs"] = 7
    recorded["cases"][0]["runs"][0]["turns"][1]["next"]["act"]["action"] = "gone.action"

    assert len([one for one in replay.differences("altered", recorded, TOOLS) if one.place.endswith("turn 1")]) == 1


def unlisted(found: list[Difference], listed: list[dict[str, Any]]) -> list[str]:
    """What is found and not listed, and what is listed and not found. `*` in a place stands for anything."""
    hits: Counter[int] = Counter()
    wrong = []
    for one in found:
        number = next((number for number, entry in enumerate(listed) if _is(one, entry)), None)
        if number is None:
            wrong.append(f"not listed: {one.place}: was {one.was!r}, is {one.now!r}")
        else:
            hits[number] += 1
    for number, entry in enumerate(listed):
        if hits[number] != (times := entry.get("times", 1)):
            wrong.append(f"listed, but not found: {entry['place']} ({hits[number]} of {times})")
    return wrong


def _is(one: Difference, entry: dict[str, Any]) -> bool:
    place = ".*".join(re.escape(part) for part in entry["place"].split("*"))
    same = all(entry[name] == getattr(one, name) for name in ("was", "now") if name in entry)
    return same and re.fullmatch(place, one.place, re.DOTALL) is not None


def _listed(release: Path) -> list[dict[str, Any]]:
    groups = YAML(typ="safe").load(CHANGED.read_text()) or []
    for group in groups:
        assert group["reason"].strip(), "each change has its reason"
    return [entry for group in groups if group["release"] == release.name for entry in group["differences"]]


def _found(release: Path) -> Iterator[Difference]:
    for name, recorded in form.stories(release):
        yield from replay.differences(name, recorded, TOOLS)
    yield from replay.readings(form.readings(release))


def _check(release: Path, folder: Path) -> Iterator[Difference]:
    """What `flows check` says of the flows today: then it said nothing."""
    for number, text in enumerate(form.read(release / form.MANIFEST)["sources"]):
        (folder / f"{number}-sources.yaml").write_text(text)
    sources: dict[str, FlowSource] = {}
    for _, recorded in form.stories(release):
        for name, flow in recorded["flows"].items():
            loaded, _ = load_text(flow["text"], f"{name}.yaml")
            sources[name] = loaded[0]
    for fault in check(list(sources.values()), catalogue([folder])):
        yield Difference(f"check: {fault.file}", None, f"{fault.code}: {fault.text}")
