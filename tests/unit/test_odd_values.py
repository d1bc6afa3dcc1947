"""Whatever a field is given, a tool and an action raise nothing but what they declare."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

import orjson
import pytest
from pydantic import BaseModel, ValidationError

import services.tools.catalog
from contracts.actions import ActionRequest
from contracts.json_values import plain
from contracts.published_schemas import PUBLISHED
from contracts.runs import RunMessage
from services.actions.attempt.perform import checked
from services.actions.outcome import Failed
from services.actions.registry import ACTIONS
from services.flows.catalogue import Tool, ToolError, collect
from services.flows.run_tool import run_tool
from tests.integration.test_actions_conformance import USES

TOOLS = collect(services.tools.catalog)
ODD: tuple[Any, ...] = (
    None, "", " ", 0, -1, True, 2**31, 2**40, 2**63, 2**64, 2**70, -(2**70), 10**400, 1e308, -1e308, float("inf"),
    float("nan"), [], {}, "\0", "a\0b", "x" * 300, "x" * 100_000, "9" * 5000, [None], [""], [[]], {"": None},
    {"a": 2**70}, [2**70], {"a": "\0"}, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "999999999w",
    ["x"] * 5000, [{"a": [2**70]}],
)  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_a_tool_raises_nothing_but_its_error(tool: Tool) -> None:
    """In each field: empty, null, longest, of another type, huge. What it gives can be stored."""
    base = dict(tool.examples[0].inputs)
    for name, field in tool.inputs.model_fields.items():
        for odd in ODD:
            try:
                inputs = tool.inputs.model_validate({**base, field.alias or name: odd})
                came = run_tool(tool, inputs, ())
            except (ValidationError, ToolError):
                continue
            if isinstance(came, BaseModel):
                orjson.dumps(plain(came.model_dump(mode="json")))


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_action_says_which_input_is_wrong(name: str) -> None:
    """Of any depth: a Failed for the author of the flow, or inputs that can be called with."""
    base = {field: "7" if value == "{lead}" else value for field, value in USES[name].items()}
    for inputs in odd_inputs(ACTIONS[name].signature.inputs, base):
        assert isinstance(checked(ACTIONS[name], inputs), Failed | BaseModel)


def odd_inputs(model: type[BaseModel], base: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """`base` with one field that is odd, also in the models inside."""
    for name, field in model.model_fields.items():
        for odd in ODD:
            yield {**base, field.alias or name: odd}
        for inner in inner_models(field.annotation):
            inside = base.get(name)
            first = inside[0] if isinstance(inside, list) and inside else inside
            for odd_one in odd_inputs(inner, first if isinstance(first, dict) else {}):
                yield {**base, name: [odd_one] if isinstance(inside, list) else odd_one}


def inner_models(annotation: Any) -> list[type[BaseModel]]:
    """The models in a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in inner_models(part)]


MESSAGES = {one.name: one for one in PUBLISHED if one.name in ("event", "run", "action-request", "history-record")}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_is_read_or_refused_and_what_is_read_can_be_stored(name: str) -> None:
    """At any depth of it: texts without NUL, whole numbers of 64 bits, counts of 32, times that are some in UTC."""
    model: Any = MESSAGES[name].model
    for value in odd_bodies(MESSAGES[name].example):
        content = dumped(value)
        try:
            read = model.read(content)
        except ValidationError:
            continue
        again = read.to_bytes()
        assert b"\\u0000" not in again
        orjson.dumps(orjson.loads(again))
        assert model.read(again) == read
    broken: tuple[bytes | None, ...] = (b"", b"\xff", b"null", b"[]", b"9" * 5000, b"[" * 5000, b'{"a": NaN}', None)
    for no_message in broken:
        with pytest.raises(ValidationError):
            model.read(no_message)


def odd_bodies(body: Any) -> Iterator[Any]:
    """The same JSON value with one place that is odd."""
    if isinstance(body, dict):
        for name, item in body.items():
            for odd in ODD:
                yield {**body, name: odd}
            for inner in odd_bodies(item):
                yield {**body, name: inner}


def dumped(value: Any) -> bytes:
    """As any JSON library writes it, whole numbers of any size."""
    return json.dumps(value).encode()


def test_counts_and_times_that_postgresql_cannot_hold_are_refused() -> None:
    """With the field named: no process ends for them, and none waits for ever."""
    run = MESSAGES["run"].example
    for change, field in (
        ({"run": {**run["run"], "done": 2**40}}, "done"),
        ({"run": {**run["run"], "id": "x" * 3000}}, "id"),
        ({"run": {**run["run"], "event": {**run["run"]["event"], "hops": 2**40}}}, "hops"),
        ({"run": {**run["run"], "event": {**run["run"]["event"], "time": "0001-01-01T00:00:00+14:00"}}}, "time"),
    ):
        with pytest.raises(ValidationError, match=field):
            RunMessage.read(dumped({**run, **change}))
    request = MESSAGES["action-request"].example
    read = ActionRequest.read(dumped({**request, "retry": {"within_seconds": 1e300}, "timeout_seconds": 1e300}))
    assert read.timeout_seconds == read.retry.within_seconds == 315_360_000.0
