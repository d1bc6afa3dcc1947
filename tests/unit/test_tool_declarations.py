"""A tool's declaration is checked when its file is read, and all its mistakes are told at once."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, Field

from services.flows.catalogue import Example, tool


class Inputs(BaseModel):
    """What it takes."""

    number: int = Field(ge=0)


class Outputs(BaseModel):
    """What it gives."""

    double: int


async def double(inputs: Inputs) -> Outputs:
    """Double a number."""
    return Outputs(double=inputs.number * 2)


def test_examples_stand_in_the_declaration() -> None:
    """And the name alone is enough for a tool."""
    shown = Example("two", {"number": 2}, {"double": 4})
    assert tool("double", examples=[shown])(double).examples == (shown,)
    assert tool("double")(double).examples == ()


def test_all_mistakes_of_all_examples_are_told() -> None:
    """Each with its example: an unknown name, an input that the types do not allow, an output that is not declared."""
    with pytest.raises(TypeError) as caught:
        tool("double", examples=[Example("a", {"numbr": 1}, {}), Example("b", {"number": -1}, {"tripel": 3})])(double)
    told = str(caught.value)
    assert told.startswith("tool 'double': ")
    for part in (
        "example 'a': no input 'numbr'",
        "example 'a': input 'number': Field required",
        "example 'b': no output 'tripel'",
        "example 'b': input 'number': Input should be greater than or equal to 0",
    ):
        assert part in told
