"""`flows closum listen`: what a webhook sends is compared with what is assumed; one command later ingest reads it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from services.closum.facts import WEBHOOKS
from services.closum.facts_form import WebhookRow
from services.ingest.readers.reader import Reading, ReceivedBody
from services.ingest.sources.load import load
from services.project.closum_listen import heard, likeliest
from tests.support.example_flows import assert_examples_pass
from tests.support.flows_command import environ, flows

OTHERS: dict[str, Any] = {
    "closum.sms.status_updated": {
        "events": [
            {
                "delivery_id": 9,
                "kind": "sms.dlr",
                "payload": {"uid": "m-1", "to": "351912345678", "estado": "Entregue ao cliente", "when": 1772443800},
            }
        ]
    },
    "closum.whatsapp.message_received": {
        "type": "whatsapp.inbound",
        "data": {"uid": "w-1", "remetente": "351912345678", "mensagem": "Olá", "timestamp": "2026-03-02T09:30:00Z"},
    },
    "closum.lead.created": {
        "event": "lead.created",
        "lead": {"uuid": "8841", "nome": "João", "contact_email": "j@example.com", "telemovel": "+351912345678"},
    },
    "closum.contact.updated": {
        "event": "contact.updated",
        "notification_id": "n-5",
        "contact": {"id": 8841, "nome": "João", "email_address": "j@example.com"},
    },
    "closum.unsubscribed": [
        {"action": "unsubscribe", "contact": {"id": 4, "contact_email": "j@example.com"}, "via": "sms"}
    ],
    "closum.email.event": {"name": "email", "item": {"uid": 7, "event_type": "email.opened", "mail": "j@example.com"}},
}
"""A webhook of each trigger that contradicts what is assumed of it: names, envelope, batch, words, ids, times."""
WANTED: dict[str, dict[str, Any]] = {
    "closum.sms.status_updated": {"message_id": "m-1", "recipient": "351912345678", "status": "delivered"},
    "closum.whatsapp.message_received": {"message_id": "w-1", "from_e164": "+351912345678", "text": "Olá"},
    "closum.lead.created": {"lead_id": "8841", "name": "João", "email": "j@example.com"},
    "closum.contact.updated": {"contact_id": "8841", "email": "j@example.com", "name": "João"},
    "closum.unsubscribed": {"contact_id": "4", "email": "j@example.com", "channel": "sms"},
    "closum.email.event": {"email_id": "7", "email": "j@example.com", "event": "opened"},
}


def test_every_webhook_is_tried_here() -> None:
    assert set(OTHERS) == set(WANTED) == set(WEBHOOKS)


@pytest.mark.parametrize("trigger", OTHERS)
def test_what_is_other_is_found_out(trigger: str) -> None:
    """Which trigger it is of, and the override under which all of ours is read."""
    assert likeliest([OTHERS[trigger]]) == trigger
    found = heard([OTHERS[trigger]], None, {})
    assert found.fits, found.why
    assert found.override
    assert {name: found.read.get(name) for name in WANTED[trigger]} == WANTED[trigger]
    again = heard([OTHERS[trigger]], None, {trigger: WebhookRow.model_validate(found.override)})
    assert again.fits
    assert not again.override


@pytest.mark.parametrize("trigger", WEBHOOKS)
def test_what_is_as_assumed_is_confirmed(trigger: str) -> None:
    from contracts.triggers.registry import TRIGGERS  # noqa: PLC0415 - only here

    found = heard([TRIGGERS[trigger].example], trigger, {})
    assert found.fits
    assert not found.override


@pytest.mark.parametrize("body", [{"a": 1}, [1, 2], {"status": {}}, [[]], {"events": []}, {"a": {"b": {"c": []}}}])
def test_what_nobody_could_read_is_told_and_never_raises(body: Any) -> None:
    for trigger in (None, *WEBHOOKS):
        assert not heard([body], trigger, {}).fits


def ingest_reads_them(folder: Path) -> None:
    """Each of OTHERS, by sources beside the closum.yaml of this folder."""
    listed = "".join(f"  s{n}:\n    trigger: {name}\n    token: {{ env: A }}\n" for n, name in enumerate(OTHERS))
    (folder / "sources.yaml").write_text(f"sources:\n{listed}")
    hooks = {hook.reader.triggers[0].trigger: hook for hook in load(folder / "sources.yaml", {"A": "t" * 24}).hooks}
    for trigger, sent in OTHERS.items():
        [one] = hooks[trigger].reader.read(ReceivedBody(sent))
        assert isinstance(one, Reading)
        seen = json.loads(one.payload.to_json())
        assert {name: seen[name] for name in WANTED[trigger]} == WANTED[trigger]


def test_after_one_command_ingest_reads_them_all(tmp_path: Path) -> None:
    """The address answers 200 and takes any of them; what it found is written, and ingest reads what came."""
    count = str(len(OTHERS))
    command = [sys.executable, "-m", "services.cli", "closum", "listen"]
    command += ["--port", "0", "--requests", count, "--seconds", "60", "--apply"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ({"PYTHONUNBUFFERED": "1"}), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().removeprefix("Listening: ").strip()
        for sent in OTHERS.values():
            request = urllib.request.Request(address, json.dumps(sent).encode(), {"X-Signature": "a-secret"})  # noqa: S310 - to ourselves
            assert urllib.request.urlopen(request, timeout=10).status == 200  # noqa: S310 - to ourselves
        told = process.stdout.read()
        assert process.wait(30) == 0, told
    assert "a-secret" not in told
    assert "x-signature" in told
    ingest_reads_them(tmp_path)
    assert "basis: confirmed" in (tmp_path / "closum.yaml").read_text()
    assert_examples_pass(tmp_path, {})


@pytest.mark.parametrize("words", [("--seconds", "0"), ("--seconds", "-1"), ("--requests", "0")], ids=" ".join)
def test_an_end_before_the_beginning_is_refused(words: tuple[str, str], tmp_path: Path) -> None:
    done = flows("closum", "listen", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert f"{words[0]}. Must be" in done.stderr


def test_nothing_that_comes_to_another_path_or_is_no_json_counts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "services.cli", "closum", "listen", "--port", str(port), "--requests", "1"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ({"PYTHONUNBUFFERED": "1"}), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = re.sub("^Listening: ", "", process.stdout.readline()).strip()
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", b"{}", timeout=10)
        request = urllib.request.Request(address, b"no json", {"Content-Type": "text/plain"})  # noqa: S310 - to ourselves
        urllib.request.urlopen(request, timeout=10)  # noqa: S310 - to ourselves
        began = time.monotonic()
        assert process.wait(30) == 1
        assert time.monotonic() - began < 30
        assert "neither JSON nor a form" in process.stdout.read()
