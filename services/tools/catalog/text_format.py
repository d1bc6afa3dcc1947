"""text.format, text.template: a template with values (minijinja, with fuel: a loop without end is cut)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import override

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.unknown import UnknownValue, known
from services.tools.toolkit.text_templates import MAX_TEMPLATE, prove, render


class Inputs(BaseInputs):
    """What it takes."""

    template: str = Field(max_length=MAX_TEMPLATE, description="text with {{ name }}; filters such as | title")
    values: dict[str, Any] = Field(default_factory=dict, description="what the template's names stand for")

    @override
    def hopeless(self) -> None:
        """A template that cannot be filled: open braces, a filter that is not there, a name without a value."""
        values: object = self.values
        prove(known(self.template), None if isinstance(values, UnknownValue) else self.values)


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the template, filled")


@tool(
    "text.format",
    group=Group.FORMAT,
    examples=[
        Example(
            "a greeting",
            {"template": "Olá {{ name | title }}!", "values": {"name": "ana"}},
            {"text": "Olá Ana!"},
        ),
        Example(
            "a list",
            {
                "template": "{% for line in lines %}- {{ line.name }}\n{% endfor %}",
                "values": {"lines": [{"name": "a"}]},
            },
            {"text": "- a\n"},
        ),
    ],
)
async def text_format(inputs: Inputs) -> Outputs:
    """Fill a text template with values."""
    return Outputs(text=render(inputs.template, inputs.values))


# The name that people of other products look for.
text_template = replace(text_format, name="text.template")
