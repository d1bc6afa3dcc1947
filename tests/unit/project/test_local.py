"""What a `flows dev` says of itself is believed while it runs."""

from __future__ import annotations

import json
from pathlib import Path

from services.project import local


def test_what_a_dead_process_left_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / local.RUNNING).write_text(json.dumps({"pid": 2**22 + 1}))
    assert local.running(tmp_path) is None


def test_secrets_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    assert local.kept_secrets(tmp_path) == {}
    (tmp_path / local.SECRETS).write_text("{broken")
    assert local.kept_secrets(tmp_path) == {}
