"""`flows dev`, as an integrator uses it: start, send, see, stop; and what happens when something dies."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.stack import leftovers
from tests.support.flows_command import flows
from tests.support.flows_process import Running, flows_process
from tests.support.left_running import left_running, wait_for_none

READY = "Ctrl-C ends all"
FORM = "flow: form\ndescription: A form.\non: webhook.form\nsteps: [{ stop: seen }]\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all: the second start finds the data of the first."""
    made = tmp_path_factory.mktemp("dev")
    (made / "flows").mkdir()
    for name in ("whatsapp-to-crm", "new-contact-to-closum", "sources"):
        shutil.copy(Path(__file__).parents[2] / "examples" / f"{name}.yaml", made / "flows")
    (made / "flows" / "form.yaml").write_text(FORM)
    (made / "e.json").write_text('{"email": "ana@example.pt"}')
    return made


def found(text: str, running: Running) -> str:
    match = re.search(text, running.everything())
    assert match, running.everything()
    return match[1]


def contacts(closum: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = httpx.get(f"{closum}/_state/contacts", trust_env=False).json()
    return answer


def complaints(folder: Path) -> list[str]:
    """What services logged at warning or above."""
    lines = [line for file in (folder / ".flows" / "logs").glob("*.log") for line in file.read_text().splitlines()]
    return [
        line for line in lines if re.search(r'"level":"(warning|error|critical)"', line) or not line.startswith("{")
    ]


def test_an_event_sent_as_it_says_has_its_effect_and_ctrl_c_ends_all(folder: Path) -> None:
    assert flows("sources", "new", "form", "--from", "e.json", cwd=folder).returncode == 0
    assert flows("check", "flows", cwd=folder).returncode == 0
    with flows_process("dev", "flows", cwd=folder) as running:
        running.until(READY)
        closum = found(r"Stand-in Closum and CRM: (\S+)", running)
        example, hook = found(r"curl -d '(.*whatsapp/\S+)", running).rsplit("' ", 1)
        answer = httpx.post(hook, content=example.encode(), trust_env=False, timeout=10)
        assert answer.status_code == 202
        line = running.until("delivered")
        assert "flow=whatsapp-to-crm" in line
        assert complaints(folder) == []
        assert [contact["phone"] for contact in contacts(closum)] == ["+351912345678"]

        told = flows("run", answer.json()["id"], "--json", cwd=folder)
        assert json.loads(told.stdout)["end"][0]["outcome"] == "delivered", told.stderr
        sent = flows("send", "webhook.platform", "--example", "--json", cwd=folder)
        assert sent.returncode == 0, sent.stderr
        running.until("new-contact-to-closum")
        file = folder / "flows" / "whatsapp-to-crm.yaml"
        text = file.read_text()
        file.write_text(text.replace("phone.e164", "phone.e146"))
        assert "what ran before runs on" in running.until("Not deployed")
        file.write_text(text.replace("not a phone number", "no phone number"))
        assert "changed whatsapp-to-crm" in running.until("Deployed:")
        file.write_text(text)
        assert len(json.loads(flows("runs", "--json", cwd=folder).stdout)) == 2
        assert flows("doctor", cwd=folder).returncode == 0
        example, hook = found(r"curl -d '(.*hooks/form/\S+)", running).rsplit("' ", 1)
        assert httpx.post(hook, content=example.encode(), trust_env=False, timeout=10).status_code == 202
        assert "flow=form" in running.until("filtered")

        again = flows("dev", cwd=folder)
        assert again.returncode == 1
        assert f"process {running.process.pid}" in again.stderr

        begun = time.monotonic()
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 0
        assert time.monotonic() - begun < 20
        assert "Traceback" not in running.everything()
        assert "Fatal" not in running.everything()
    assert left_running(folder) == []


def test_a_service_that_dies_is_named_and_ends_all(folder: Path) -> None:
    with flows_process("dev", cwd=folder) as running:
        running.until(READY)
        pids = json.loads((folder / ".flows" / leftovers.FILE).read_text())
        os.kill(pids["tools"], signal.SIGKILL)
        assert running.end() == 1
        assert "tools ended by signal 9" in running.everything()
    assert left_running(folder) == []


def test_kill_9_leaves_nothing_running(folder: Path) -> None:
    with flows_process("dev", cwd=folder) as running:
        running.until(READY)
        running.process.kill()
    wait_for_none(folder, 40)
