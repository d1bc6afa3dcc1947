"""A folder with a flow that a declared source starts, and an example to declare the source from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FLOW = """\
flow: form
description: A form that was filled in.
on: webhook.form
steps:
  - stop: "seen ${ trigger.?email.orValue('') }"
"""


def form_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make it, and be in it: `flows sources new form --from e.json` declares the source."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FLOWS_SOURCES_FILE", "")
    (folder / "flows").mkdir()
    (folder / "flows/form.yaml").write_text(FLOW)
    (folder / "e.json").write_text(json.dumps({"email": "ana@example.pt", "name": "Ana"}))
    return folder
