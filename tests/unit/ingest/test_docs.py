"""docs/sources.md and docs/ingest.md: the file in it is right, and every answer is explained."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from contracts.triggers.registry import TRIGGERS
from services.ingest.auth.presets import PRESETS
from services.ingest.sources.file_form import SourceEntry
from services.ingest.sources.load import declared_triggers, load
from tests.support.ingest import application, client

ROOT = Path(__file__).parents[3]
SOURCES = (ROOT / "docs/sources.md").read_text()
INGEST = (ROOT / "docs/ingest.md").read_text()


def test_the_file_in_it_is_right(tmp_path: Path) -> None:
    """It loads, with all its sources and triggers."""
    [text] = re.findall(r"```yaml\n(.*?)```", SOURCES, re.DOTALL)
    (tmp_path / "secret").write_text("a-secret-of-16-characters")
    file = tmp_path / "sources.yaml"
    file.write_text(text.replace("/run/secrets/partner", str(tmp_path / "secret")))
    environ: dict[str, str] = defaultdict(lambda: "a-secret-of-16-characters")
    names = re.findall(r"env: (\w+)", text)
    loaded = load(file, {name: environ[name] for name in names})
    assert (len(loaded.hooks), len(loaded.schedules), len(loaded.polls)) == (5, 1, 1)
    expected = {"webhook.shop", "webhook.payments", "schedule.every-morning", "poll.orders"}
    assert loaded.triggers.keys() == TRIGGERS.keys() | expected
    assert declared_triggers(file).keys() == expected


def test_every_field_and_preset_is_explained() -> None:
    """Those who write a sources file look here."""
    names = {info.alias or name for name, info in SourceEntry.model_fields.items()}
    assert {name for name in names if f"{name}:" not in SOURCES and f"`{name}`" not in SOURCES} <= {
        "schema_file",
        "example_file",
    }
    assert {name for name in ("schema_file", "example_file") if name not in SOURCES} == set()
    assert {name for name in PRESETS if name not in SOURCES} == set()


async def test_every_answer_is_explained() -> None:
    """Each status that the OpenAPI document declares for a hook has its row."""
    async with client(application(docs_open=True)[0]) as http:
        document = (await http.get("/openapi.json")).json()
    told = set(re.findall(r"\b(\d{3})\b", "\n".join(line for line in INGEST.splitlines() if line.startswith("| "))))
    statuses = {status for path in document["paths"].values() for status in path.get("post", {}).get("responses", {})}
    assert statuses - told <= {"200", "202"}
