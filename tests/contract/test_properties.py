"""Properties are judged by what they find, not by how fast this machine is today."""

from __future__ import annotations

import ast
from pathlib import Path

from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parents[1]
ONE_PLACE = TESTS / "support" / "properties.py"


def test_no_property_has_a_deadline_unless_it_asks_for_one() -> None:
    """The profile is loaded before any test module makes its settings; a failure says how it is had again."""
    made = settings(max_examples=7)
    assert made.deadline is None
    assert made.print_blob
    assert HealthCheck.too_slow in made.suppress_health_check


def test_no_property_asks_for_a_clock() -> None:
    """No `settings(deadline=…)` beside the profile, and who names suppressed checks keeps the slow one among them."""
    sources = {path.relative_to(TESTS): path.read_text() for path in TESTS.rglob("*.py") if path != ONE_PLACE}
    found = {path: clocks(source) for path, source in sources.items() if "hypothesis" in source}
    assert len(found) > 20
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_clock_is_seen() -> None:
    """However `settings` is imported."""
    assert clocks("@settings(max_examples=9, deadline=200)\ndef test(): ...") == [1]
    assert clocks("\nRULES = hypothesis.settings(deadline=None)") == [2]
    assert clocks("settings(suppress_health_check=[HealthCheck.filter_too_much])") == [1]
    assert clocks("settings(suppress_health_check=[*HealthCheck])\nsettings(max_examples=9)") == []
    assert clocks("settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])") == []


def clocks(source: str) -> list[int]:
    """The lines that make settings under which a slow machine fails a property."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if _name(call.func) == "settings" and _clock(call)]


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _clock(call: ast.Call) -> bool:
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    checks = given.get("suppress_health_check", "HealthCheck.too_slow")
    return "deadline" in given or not ("too_slow" in checks or checks in {"[*HealthCheck]", "list(HealthCheck)"})
