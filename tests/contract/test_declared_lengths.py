"""A text is as long as its tool or action declares: what the checker reckons with holds."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import BaseModel, ValidationError

import services.tools.catalog
from services.flows.catalogue import Tool, ToolError, collect
from services.flows.output_shapes import lengths_of
from services.flows.run_tool import run_tool
from services.flows.shapes import Kind, Shape, Shapes, longest
from services.flows.syntax import Constant, ListOf, MapOf, Value, Word
from services.runtime.documents.locations import Location

TOOLS = collect(services.tools.catalog)
HERE = Location(1, 1)
MOST = 250
FILLS = (
    "x", "A ", "ana ", "ANA SOUSA ", "SS", "ß ", "ß", "ŉ", "İ", "ΐ", "ﬁ", "é", "🙂", "👩\u200d👩\u200d👧", "9", "1,5 ",
    "a@b.pt ", "Dr. ", "de ", "Ana, ", "<b>a</b>", "a,b,", "aB", "_", "\n", "щ", "北", "+351912345678 ",
    "2026-05-31T14:30:00Z ",
)  # fmt: skip


def texts(given: Any) -> list[str]:
    """All texts in a value."""
    if isinstance(given, str):
        return [given]
    inner = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return [text for each in inner for text in texts(each)]


def as_value(given: Any) -> Value:
    """As it would stand in a flow."""
    if isinstance(given, list):
        return ListOf(tuple(as_value(each) for each in given), HERE)
    if isinstance(given, dict):
        return MapOf(tuple((Word(name, HERE), as_value(each)) for name, each in given.items()), HERE)
    return Constant(given, HERE)


def bounds(tool: Tool, inputs: dict[str, Any], shapes: Shapes) -> dict[str, int]:
    """How long each of its outputs is at most."""
    given = as_value(inputs)
    assert isinstance(given, MapOf)
    written = {id(value): max(map(len, texts(inputs[word.text])), default=0) for word, value in given.items}
    said = dict(lengths_of(tool, given, shapes, lambda value: written[id(value)]))
    fields = shapes.fields(shapes.of_model(tool.outputs, "serialization", tool.name))
    declared = {name: most for name, field in fields.items() if (most := of_texts(field.shape)) is not None}
    return declared | said


def of_texts(shape: Shape) -> int | None:
    """The bound of a text, or of each of a list."""
    return longest(shape) if shape.kind in (Kind.TEXT, Kind.LIST) else None


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_no_output_of_a_tool_is_longer_than_it_says(tool: Tool) -> None:
    """Given texts that grow when they are written otherwise, as long as a name may be, and as long as a tool takes."""
    shapes = Shapes()
    for example in tool.examples:
        for name, text in example.inputs.items():
            if not texts(text) or isinstance(text, dict):
                continue
            for fill in FILLS:
                for size in (MOST, 5_000):
                    long = (fill * size)[:size]
                    inputs = {**example.inputs, name: [long] if isinstance(text, list) else long}
                    try:
                        came = run_tool(tool, tool.inputs.model_validate(inputs), ())
                    except (ValidationError, ToolError):
                        continue
                    if isinstance(came, BaseModel):
                        outputs = orjson.loads(came.model_dump_json(by_alias=True))
                        for output, most in bounds(tool, inputs, shapes).items():
                            over = [text for text in texts(outputs.get(output)) if len(text) > most]
                            assert not over, (
                                f"{output} has {len(over[0])} characters, and says {most}: {over[0][:40]!r}"
                            )


@pytest.mark.parametrize("tool", TOOLS.values(), ids=TOOLS)
def test_what_reads_texts_of_people_takes_any(tool: Tool) -> None:
    """What is no phone for its length is not valid, and no dead letter; a long key is a key."""
    fields = tool.inputs.model_json_schema()["properties"]
    for name in [name for name, part in fields.items() if "reads" in part or name in ("key", "sticky_key")]:
        tool.inputs.model_validate({**tool.examples[0].inputs, name: "9" * 60_000})


def test_keys_that_differ_at_their_end_stay_two() -> None:
    """However long; and none is too long for an index."""
    tool = TOOLS["deduplicate"]
    keys = [
        tool.inputs.model_validate({"key": "x" * size + end, "within": "1h"}).model_dump()["key"]
        for size in (999, 1000, 60_000)
        for end in "ab"
    ]
    assert len(set(keys)) == len(keys)
    assert max(map(len, keys)) <= 1000
