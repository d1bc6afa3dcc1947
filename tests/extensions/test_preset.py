"""A preset is one file: the source, the lists, the page and the examples follow from its declaration."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from pathlib import Path

from services.cli.generate.reference import presets_table
from services.flows.catalogue import Catalogue
from services.flows.check import check
from services.flows.load import load_text
from services.ingest.sources.load import declared_triggers, load
from services.ingest.sources.presets import collect
from services.project.source_presets import Known
from tests.extensions import presets
from tests.support.ingest import application, client

PRESET = collect(presets)["bookings"]
SECRET = "bookings-0123456789abcdef"
FLOW = "flow: booked\non: webhook.hotel\nsteps:\n  - stop: ${{ trigger.?{field}.orValue('') }}\n"


def written(folder: Path) -> Path:
    """The source that it writes."""
    file = folder / "sources.yaml"
    file.write_text(json.dumps({"sources": {"hotel": PRESET.source("hotel")}}))
    return file


def test_flows_are_checked_against_its_samples(tmp_path: Path) -> None:
    """A misspelled field is told with the right one."""
    known = Catalogue(dict(declared_triggers(written(tmp_path))))
    right, wrong = (load_text(FLOW.format(field=field), "booked.yaml") for field in ("kind", "kin"))
    assert check(right[0], known) == []
    assert any("kind" in mistake.text for mistake in check(wrong[0], known))


async def test_its_requests_come_through(tmp_path: Path) -> None:
    """Its secrets are named after the source; what it sends is signed, answered and read as it declares."""
    app, kafka = application(load(written(tmp_path), {"HOOK_SECRET_HOTEL": SECRET}))
    body, now = json.dumps(PRESET.samples[0].body).encode(), str(int(time.time()))
    signature = hmac.new(SECRET.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    async with client(app) as http:
        address = "/v1/hooks/hotel"
        answer = await http.post(address, content=body, headers={"X-Bookings-Signature": f"t={now},v1={signature}"})
        assert (answer.status_code, answer.content, answer.headers.get("content-length")) == (204, b"", None)
        assert (await http.get(address, params={"challenge": "c"})).text == "c"
        assert (await http.head(address)).status_code == 200
    [(_, event)] = kafka.records
    assert (event["subject"], event["data"]) == ("ines@example.com", PRESET.samples[0].seen[0])


def test_it_is_shown_to_people() -> None:
    """With what is not confirmed."""
    row = presets_table([PRESET]).splitlines()[-1]
    assert row.startswith(
        "| `bookings` | Bookings | `X-Bookings-Signature` | /id + /kind + /at | every hour for a day |"
    )
    assert row.endswith("| retries (assumed) |")
    assert (PRESET.count(Known.ASSUMED), PRESET.count(Known.INFERRED)) == (1, 0)
