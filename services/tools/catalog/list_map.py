"""list.map: of each item one field, some fields, or a text made by a template."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import override

from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.flows.unknown import known
from services.tools.toolkit.size_bounds import Items, bounded
from services.tools.toolkit.text_templates import prove, render
from services.tools.toolkit.value_paths import MAX_PATH, ValuePath, first

MAX_TEMPLATED = 1000
MAX_CELLS = 100_000
FUEL = 20_000


class Inputs(BaseInputs):
    """What it takes: one of field, fields, template."""

    items: Items = Field(description="the list")
    field: ValuePath = Field(default="", max_length=MAX_PATH, description="path of what each item becomes")
    fields: dict[str, str] = Field(
        default_factory=dict,
        max_length=100,
        description="new name → path: each item becomes an object with these names",
    )
    template: str = Field(
        default="", max_length=2000, description="text of each item, such as {{ item.name }}; {{ index }} counts from 1"
    )

    @override
    def hopeless(self) -> None:
        """A template that cannot be filled."""
        if known(self.template):
            prove(self.template, ("item", "index"))


class Outputs(BaseModel):
    """What it gives."""

    items: list[Any] = Field(description="what each item became, in order; null where a path finds nothing")
    count: int = Field(description="how many")


@tool(
    "list.map",
    group=Group.PARSE,
    examples=[
        Example("one field", {"items": [{"a": {"b": 1}}, {}], "field": "a.b"}, {"items": [1, None], "count": 2}),
        Example("new names", {"items": [{"n": "Ana", "x": 1}], "fields": {"name": "n"}}, {"items": [{"name": "Ana"}]}),
        Example(
            "texts",
            {"items": [{"name": "Ana"}], "template": "{{ index }}. {{ item.name }}"},
            {"items": ["1. Ana"]},
        ),
    ],
)
async def list_map(inputs: Inputs) -> Outputs:
    """Turn each item of a list into a field, an object or a text."""
    if [bool(inputs.field), bool(inputs.fields), bool(inputs.template)].count(True) != 1:
        raise ToolError("give exactly one of field, fields and template")
    if len(inputs.items) * len(inputs.fields) > MAX_CELLS:
        raise ToolError(f"items times fields are more than {MAX_CELLS:,} values: give fewer of either")
    if inputs.field:
        made: list[Any] = [first(item, inputs.field) for item in inputs.items]
    elif inputs.fields:
        made = [{name: first(item, path) for name, path in inputs.fields.items()} for item in inputs.items]
    else:
        made = texts(inputs.items, inputs.template)
    return Outputs(items=made, count=len(made))


def texts(items: list[Any], template: str) -> list[str]:
    """Each item through the template. Raises ToolError over 1,000 items, or over 500,000 characters together."""
    if len(items) > MAX_TEMPLATED:
        raise ToolError(f"a template takes at most {MAX_TEMPLATED:,} items, here are {len(items):,}")
    made: list[str] = []
    length = 0
    for index, item in enumerate(items, start=1):
        made.append(render(template, {"item": item, "index": index}, fuel=FUEL))
        length += len(made[-1])
        bounded(length, "texts")
    return made
