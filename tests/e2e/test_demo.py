"""`flows demo`, as a newcomer runs it: real Kafka, real PostgreSQL, real processes, in an empty folder."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from tests.support.flows_command import flows
from tests.support.flows_process import flows_process
from tests.support.left_running import left_running

README = (Path(__file__).parents[2] / "README.md").read_text()


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / ".flows" / "demo" / "summary.json").read_text())
    return found


def test_it_accounts_for_every_event_again_and_again_also_after_a_kill(tmp_path: Path) -> None:
    with flows_process("demo", cwd=tmp_path) as first:
        first.until("tools: ready")
        first.process.kill()
    for _ in range(2):
        done = flows("demo", cwd=tmp_path, seconds=120)
        assert done.returncode == 0, done.stdout + done.stderr
        for line in (
            "accepted 254 = delivered 182 + filtered 2 + duplicate 15 + suppressed 54 + dead 1",
            "54 people were greeted, once. Closum told us of 54 new leads: 54 we had made ourselves, and knew them.",
        ):
            assert line in " ".join(done.stdout.split()), done.stdout[-2000:]
            assert line in " ".join(README.split())
        assert left_running(tmp_path) == []
    told = summary(tmp_path)
    assert told["accepted"] == sum(told["outcomes"].values()) == 254
    assert len({end["run_id"] for end in told["ends"]}) == 254
    phones = [contact["phone"] for contact in told["closum"]["contacts"]]
    assert len(phones) > 100
    assert all(re.fullmatch(r"\+[1-9]\d{6,14}", phone) for phone in phones)
    assert {phone[:4] for phone in phones} >= {"+351", "+491", "+244"}
    assert {counts["effects"] for counts in told["closum"]["keys"].values()} <= {0, 1}
    greeted = Counter(message["to"] for message in told["closum"]["whatsapp"])
    assert (len(greeted), set(greeted.values())) == (54, {1})
    (letter,) = told["dead_letters"]
    assert (letter["code"], letter["who_must_act"], letter["flow"]) == ("call_rejected", "author", "whatsapp-to-crm")


def test_ctrl_c_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    with flows_process("demo", cwd=tmp_path) as running:
        running.until("ingest: starting")
        running.process.terminate()
        assert running.end() == 130
        assert "nothing was left running" in running.everything()
        assert "Traceback" not in running.everything()
    assert left_running(tmp_path) == []
