"""json.merge: several objects as one; what stands later counts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool

MAX_OBJECTS = 100
DEEPEST = 20


class Inputs(BaseInputs):
    """What it takes."""

    objects: Annotated[list[dict[str, Any]], Field(max_length=MAX_OBJECTS)] = Field(
        description="the objects, up to 100: of a name that several have, the last one's value counts"
    )
    deep: bool = Field(
        default=False, description="true: objects inside of objects are merged too, 20 levels down; lists are not"
    )


class Outputs(BaseModel):
    """What it gives."""

    object: dict[str, Any] = Field(description="all names; one that is null everywhere is absent")
    count: int = Field(description="how many names")


def merge(one: dict[str, Any], other: dict[str, Any], levels: int) -> dict[str, Any]:
    """Both as one. A null counts as absent: it takes nothing away."""
    made = dict(one)
    for name, value in other.items():
        if value is None:
            continue
        before = made.get(name)
        if levels and isinstance(before, dict) and isinstance(value, dict):
            value = merge(before, value, levels - 1)  # noqa: PLW2901
        made[name] = value
    return made


@tool(
    "json.merge",
    group=Group.PARSE,
    examples=[
        Example(
            "what a form says over what is known",
            {"objects": [{"name": "Ana", "city": "Porto"}, {"city": "Faro", "age": None}]},
            {"object": {"name": "Ana", "city": "Faro"}, "count": 2},
        ),
        Example(
            "objects inside",
            {"objects": [{"utm": {"source": "ads", "term": "a"}}, {"utm": {"term": "b"}}], "deep": True},
            {"object": {"utm": {"source": "ads", "term": "b"}}},
        ),
        Example(
            "whole ones",
            {"objects": [{"utm": {"source": "ads", "term": "a"}}, {"utm": {"term": "b"}}]},
            {"object": {"utm": {"term": "b"}}},
        ),
    ],
)
async def json_merge(inputs: Inputs) -> Outputs:
    """Put objects together into one."""
    made: dict[str, Any] = {}
    for each in inputs.objects:
        made = merge(made, each, DEEPEST if inputs.deep else 0)
    return Outputs(object=made, count=len(made))
