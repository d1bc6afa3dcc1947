"""One readable log line of a service's JSON line."""

from __future__ import annotations

from services.cli.stack.lines import readable


def test_a_json_line_shows_service_event_and_fields() -> None:
    line = (
        '{"service":"tools","event":"batch.done","level":"info","timestamp":"2026-11-24T10:00:00Z","runs":3,"flow":"é"}'
    )
    text = readable("tools", line).plain
    assert "tools    batch.done  runs=3  flow=é" in text
    assert text[2] == text[5] == ":"


def test_a_stack_trace_keeps_its_lines() -> None:
    text = readable("tools", '{"event":"x","exception":"Traceback\\n  File"}').plain
    assert text.endswith("x\nTraceback\n  File")


def test_what_is_no_json_object_is_shown_as_it_is() -> None:
    for line in ("[bold]not markup[/]", "[1, 2]", "{half", ""):
        assert readable("ingest", line).plain.endswith(f"ingest   {line}")
