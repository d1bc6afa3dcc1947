"""Every tool and every action with inputs that nobody foresaw: empty, null, longest, of another type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from contracts.errors import ErrorCode
from services.actions.attempt.perform import attempt, checked
from services.actions.outcome import Failed
from services.flows.catalogue import Action, StopRun, Tool, ToolError
from services.flows.run_tool import run_tool
from services.project.catalogue import ACTIONS, catalogue
from tests.unit.actions.calls import FakeCall

TOOLS = catalogue().tools
LONG = 5_000
VALUES: tuple[Any, ...] = (
    "", " ", "\x00", "x" * LONG, "🇵🇹" * 99, "\ud800", "12", "+351912345678", "ana@example.pt", "2026-05-31", "NaN",
    None, True, 0, -1, 10**30, 1e308, 0.1, [], [None], [[]], [""] * LONG, [1, "a", {}], list(range(LONG)), {},
    {"": None}, {"a": {"b": [1, "c"]}}, {str(n): n for n in range(LONG)}, {"csv": "none.csv"},
)  # fmt: skip


def travels(value: Any) -> bool:
    """Whether a request on Kafka can hold it: no half of a surrogate pair, no whole number of more than 64 bits."""
    with suppress(TypeError):
        return bool(orjson.dumps(value))
    return False


REQUESTED = tuple(value for value in VALUES if travels(value))


def given_to(entry: Tool | Action, values: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    """An example's inputs with each input in turn something else, and all of them."""
    names = [info.alias or name for name, info in entry.inputs.model_fields.items()]
    for example in entry.examples[:2]:
        yield from ({**example.inputs, name: value} for name in names for value in values)
    yield from (dict.fromkeys(names, value) for value in values)


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_a_tool_answers_or_refuses(tool: Tool) -> None:
    """With a refusal of its model, a ToolError, or the end of the run that it is for: nothing else is raised."""
    for given in given_to(tool, VALUES):
        try:
            run_tool(tool, tool.inputs.model_validate(given), ())
        except (ValidationError, ToolError, StopRun):
            continue


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize(
    "answer", [{}, [], None, b"", b"\xff", {"status": True, "code": 200, "responseData": [{"id": 1}]}]
)
async def test_an_action_does_it_or_says_why_not(name: str, answer: Any) -> None:
    """Its inputs are refused, or the call is made; whatever the destination says, nothing is a bug."""
    action = ACTIONS[name]
    for given in given_to(action.signature, REQUESTED):
        inputs = checked(action, given)
        if not isinstance(inputs, Failed):
            outcome = await attempt(action, inputs, FakeCall(answer))
            assert not (isinstance(outcome, Failed) and outcome.code is ErrorCode.BUG), (given, outcome)
