"""A source made from a sender's first body takes all that it sends, and shows what came otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.cli.commands import sources
from services.ingest.sources.load import load
from services.runtime import metrics
from tests.support.deployment import ROOT
from tests.support.ingest import TOKEN, Recorder, application, client

SAMPLES = ROOT / "tests" / "data" / "samples"
SENDERS = sorted(folder.name for folder in SAMPLES.iterdir())


async def posted(folder: Path, *bodies: Any, change: tuple[str, str] = ("", "")) -> tuple[list[int], Recorder]:
    """The statuses of bodies at the source that was made there, and what Kafka got."""
    file = folder / "sources/one.yaml"
    file.write_text(file.read_text().replace(*change))
    app, recorder = application(load(file, {"HOOK_TOKEN_ONE": TOKEN}))
    async with client(app) as http:
        return [(await http.post(f"/v1/hooks/one/{TOKEN}", json=body)).status_code for body in bodies], recorder


def bodies(sender: str) -> list[Any]:
    """All samples of a sender."""
    return [json.loads(file.read_text()) for file in sorted((SAMPLES / sender).iterdir())]


def counted(field: str, came_as: str) -> float:
    """How often a field came so."""
    return float(metrics.FIELDS_OTHERWISE.labels("one", field, came_as)._value.get())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("sender", SENDERS)
async def test_what_is_made_from_the_first_takes_the_others(sender: str, here: Path) -> None:
    """Whatever is absent, null or of another type there; nothing of it is lost."""
    first = min((SAMPLES / sender).iterdir())
    sources.new("one", sample=[first])
    statuses, kafka = await posted(here, *bodies(sender))
    assert statuses == [202] * len(statuses)
    for sent, (_, event) in zip(bodies(sender), kafka.records, strict=True):
        assert whole(event["data"]) == sent


def whole(data: dict[str, Any]) -> dict[str, Any]:
    """What was sent: the body with what is under raw where it stood."""
    raw = data.pop("raw", {})
    for pointer, value in raw.items():
        *way, last = pointer.split("/")[1:]
        parent: Any = data
        for part in way:
            parent = parent[int(part) if isinstance(parent, list) else part]
        parent[int(last) if isinstance(parent, list) else last] = value
    return data


async def test_what_came_otherwise_is_absent_and_counted(here: Path) -> None:
    """Under raw by its pointer; in a list each by its own."""
    sources.new("one", sample=[SAMPLES / "order/1-first.json"])
    before = {key: counted(*key) for key in (("/total", "a text"), ("/lines/*/sku", "a whole number"))}
    _, kafka = await posted(here, *bodies("order"))
    first, odd, sparse, many = (event["data"] for _, event in kafka.records)
    assert "raw" not in first
    assert odd["raw"] == {"/total": "19,90", "/paid": "sim"}
    assert {"total", "paid"} & odd.keys() == set()
    assert sparse["lines"] == [None, {"price": None}]
    assert sparse["raw"] == {"/lines/1/sku": 7, "/tags": "novo"}
    assert len(many["raw"]) == 2 * len(many["lines"]) == 160
    assert counted("/total", "a text") - before["/total", "a text"] == 1
    assert counted("/lines/*/sku", "a whole number") - before["/lines/*/sku", "a whole number"] == 81


async def test_only_what_names_the_event_is_required(here: Path) -> None:
    """Without it nobody could tell a redelivery; with `on_mismatch: refuse` the rest is refused as well."""
    sources.new("one", sample=[SAMPLES / "order/1-first.json"])
    statuses, _ = await posted(here, {"total": 1}, {"event_id": "e", "more": 1}, {"event_id": None})
    assert statuses == [422, 202, 422]
    strict, _ = await posted(here, *bodies("order"), change=("on_mismatch: raw", "on_mismatch: refuse"))
    assert strict == [202, 422, 422, 422]


async def test_several_samples_are_one_schema(here: Path) -> None:
    """Files and folders: what differs is known, so that nothing is set aside."""
    sources.new("one", sample=[SAMPLES / "order/1-first.json", SAMPLES / "order"])
    assert "from 5 samples" in (here / "sources/one.yaml").read_text()
    _, kafka = await posted(here, *bodies("order"))
    assert not [event for _, event in kafka.records if "raw" in event["data"]]


@pytest.mark.parametrize(
    "deal",
    [
        {"id": 7, "title": "Casa", "stage": 2},
        {"id": 7, "stage": 2, "updated_at": "2026-03-02T09:30:00Z"},
        {"event": "deal.updated", "data": {"id": 7, "stage": 2, "created_at": "2026-03-02T09:30:00Z"}},
    ],
)
async def test_a_deal_at_three_stages_is_three_events(deal: dict[str, Any], here: Path) -> None:
    """And the same stage sent again is the same one."""
    (here / "deal.json").write_text(json.dumps(deal))
    sources.new("one", sample=[Path("deal.json")])
    text = json.dumps(deal)
    later = [
        json.loads(text.replace('"stage": 2', f'"stage": {stage}').replace("09:30", f"09:3{stage}"))
        for stage in (2, 3, 4, 3)
    ]
    _, kafka = await posted(here, *later)
    ids = [event["id"] for _, event in kafka.records]
    assert (len(set(ids)), ids[1] == ids[3]) == (3, True)


async def test_where_the_time_of_a_change_is_left_out_its_content_tells_it(here: Path) -> None:
    """The thing's id alone would make all its changes one."""
    (here / "deal.json").write_text(
        json.dumps({"id": 7, "stage": 2, "by": "Ana", "updated_at": "2026-03-02T09:30:00Z"})
    )
    sources.new("one", sample=[Path("deal.json")])
    _, kafka = await posted(here, *({"id": 7, "stage": 2, "by": by} for by in ("Ana", "Bea", "Bea")))
    ids = [event["id"] for _, event in kafka.records]
    assert (ids[0] != ids[1], ids[1] == ids[2]) == (True, True)
