"""What a person sees while a part starts."""

import io
import sys

import pytest

from deploy.local import on_stderr


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_for_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is rewritten in place, and ended once all parts are ready."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    progress = on_stderr()
    progress("kafka", "fetching Kafka: 1 of 45 MB")
    progress("kafka", "fetching Kafka: 2 of 45 MB")
    progress("postgres", "ready on 127.0.0.1:1")
    assert "\n" not in terminal.getvalue()
    progress("kafka", "ready on 127.0.0.1:2")
    assert terminal.getvalue().endswith("\n")
    lines = terminal.getvalue().split("\r")
    assert lines[-1].strip() == "kafka: ready on 127.0.0.1:2   postgres: ready on 127.0.0.1:1"


def test_a_file_gets_a_line_a_change_not_a_line_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of a pipeline stay short."""
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    progress = on_stderr()
    for count in range(1000):
        progress("kafka", f"fetching Kafka: {count} of 1000 MB")
    progress("kafka", "ready on 127.0.0.1:2")
    lines = file.getvalue().splitlines()
    assert lines[0] == "kafka: fetching Kafka: 0 of 1000 MB"
    assert lines[-1] == "kafka: ready on 127.0.0.1:2"
    assert len(lines) <= 4
