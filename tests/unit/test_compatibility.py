"""Breaking changes of a schema are found, each with its place; changes that break nobody are not reported."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from services.cli.generate.compatibility import breaking


class Colour(StrEnum):
    """Two."""

    RED = "red"
    BLUE = "blue"


class Fewer(StrEnum):
    """One of them."""

    RED = "red"


class Inner(BaseModel):
    """Inside of another one."""

    a: str = ""
    b: int = 0


class Narrower(BaseModel):
    """The same without b."""

    a: str = ""


class Tree(BaseModel):
    """Holds itself."""

    name: str = ""
    children: list[Tree] = Field(default_factory=list)


class Grove(BaseModel):
    """The same with a required name."""

    name: str
    children: list[Grove] = Field(default_factory=list)


def schema(**fields: Any) -> dict[str, Any]:
    """The JSON Schema of a model with these fields: a type, or (type, default)."""
    full: dict[str, Any] = {name: kind if isinstance(kind, tuple) else (kind, ...) for name, kind in fields.items()}
    message: type[BaseModel] = create_model("Message", **full)
    return message.model_json_schema()


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        pytest.param({"a": str}, {"a": str, "b": int}, ["b: is now required"], id="required field added"),
        pytest.param({"a": (str, "")}, {"a": str}, ["a: is now required"], id="optional field made required"),
        pytest.param({"a": str, "b": (int, 0)}, {"a": str}, ["b: was removed"], id="optional field removed"),
        pytest.param({"a": str}, {}, ["a: was removed"], id="required field removed"),
        pytest.param({"a": str}, {"b": (str, "")}, ["a: was removed"], id="renamed"),
        pytest.param({"a": str}, {"a": int}, ["a: was string, is integer"], id="other type"),
        pytest.param({"a": float}, {"a": int}, ["a: was number, is integer"], id="number to integer"),
        pytest.param({"a": Any}, {"a": str}, ["a: was anything, is string"], id="anything to something"),
        pytest.param({"a": str | None}, {"a": str}, ["a: null is no longer taken"], id="null not taken"),
        pytest.param({"a": str | int}, {"a": str}, ["a: integer is no longer taken"], id="union narrowed"),
        pytest.param({"a": Colour}, {"a": Fewer}, ["a: 'blue' is no longer taken"], id="enum value removed"),
        pytest.param({"a": str}, {"a": Colour}, ["a: only 'red', 'blue' is taken now"], id="text to enum"),
        pytest.param(
            {"a": Literal["1", "2"]}, {"a": Literal["1"]}, ["a: '2' is no longer taken"], id="literal narrowed"
        ),
        pytest.param(
            {"a": str}, {"a": (str, Field(min_length=1))}, ["a: minLength was None, is 1"], id="lower bound added"
        ),
        pytest.param(
            {"a": (int, Field(le=9))}, {"a": (int, Field(le=8))}, ["a: maximum was 9, is 8"], id="upper bound lower"
        ),
        pytest.param(
            {"a": str}, {"a": (str, Field(pattern="^x"))}, ["a: pattern was None, is '^x'"], id="pattern added"
        ),
        pytest.param({"a": Inner}, {"a": Narrower}, ["a.b: was removed"], id="inside a model"),
        pytest.param({"a": list[Inner]}, {"a": list[Narrower]}, ["a[].b: was removed"], id="inside a list"),
        pytest.param(
            {"a": dict[str, Inner]}, {"a": dict[str, Narrower]}, ["a.*.b: was removed"], id="inside a mapping"
        ),
        pytest.param({"a": Inner | None}, {"a": Narrower | None}, ["a.b: was removed"], id="inside an optional"),
        pytest.param({"a": Tree}, {"a": Grove}, ["a.name: is now required"], id="a model that holds itself"),
    ],
)
def test_what_breaks_is_found(old: dict[str, Any], new: dict[str, Any], faults: list[str]) -> None:
    """One line each, with the place."""
    assert breaking(schema(**old), schema(**new)) == faults


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param({"a": str}, {"a": str}, id="nothing"),
        pytest.param({"a": str}, {"a": str, "b": (int, 0)}, id="optional field added"),
        pytest.param({"a": str}, {"a": (str, "x")}, id="required field made optional"),
        pytest.param({"a": (str, "x")}, {"a": (str, "y")}, id="other default"),
        pytest.param({"a": int}, {"a": float}, id="integer to number"),
        pytest.param({"a": str}, {"a": str | None}, id="null taken"),
        pytest.param({"a": str}, {"a": str | int}, id="union widened"),
        pytest.param({"a": str}, {"a": Any}, id="something to anything"),
        pytest.param({"a": Fewer}, {"a": Colour}, id="enum value added"),
        pytest.param({"a": Colour}, {"a": str}, id="enum to text"),
        pytest.param({"a": (str, Field(min_length=2))}, {"a": (str, Field(min_length=1))}, id="lower bound lower"),
        pytest.param({"a": (int, Field(le=8))}, {"a": int}, id="upper bound gone"),
        pytest.param({"a": Narrower}, {"a": Inner}, id="inside a model"),
        pytest.param({"a": Grove}, {"a": Tree}, id="a model that holds itself"),
    ],
)
def test_what_breaks_nobody_is_not_reported(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Whatever was valid still is."""
    assert breaking(schema(**old), schema(**new)) == []


def test_every_break_is_reported() -> None:
    """Not only the first one."""
    assert breaking(schema(a=str, b=Inner, c=int), schema(a=int, b=Narrower)) == [
        "a: was string, is integer",
        "b.b: was removed",
        "c: was removed",
    ]


def test_other_fields_may_not_be_forbidden() -> None:
    """A message that carried something more was right."""
    closed = schema(a=str) | {"additionalProperties": False}
    assert breaking(schema(a=str), closed) == ["all: other fields are no longer taken"]
    assert breaking(closed, schema(a=str)) == []
