"""text.case: upper, lower, sentence, and the forms that programs want."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, Field

from contracts.texts import one_text
from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.letter_cases import capital, sentence
from services.tools.toolkit.size_bounds import Text

Form = Literal["upper", "lower", "sentence", "swap", "snake", "kebab", "camel", "pascal"]


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text")
    to: Form = Field(description="UPPER, lower, Sentence, sWAP, snake_case, kebab-case, camelCase, PascalCase")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the text in the wanted form", json_schema_extra={"longest": "text*3"})


WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """The words of a text, also of `camelCase` and `snake_case`."""
    humps = (f" {sign}" if sign.isupper() and not before.isupper() else sign for before, sign in pairwise(f" {text}"))
    return [word.lower() for word in WORD.findall("".join(humps))]


def in_form(text: str, to: Form) -> str:
    """The text in one form."""
    if to in ("snake", "kebab"):
        return {"snake": "_", "kebab": "-"}[to].join(words(text))
    if to in ("camel", "pascal"):
        joined = "".join(capital(word) for word in words(text))
        return joined if to == "pascal" else joined[:1].lower() + joined[1:]
    return {"upper": str.upper, "lower": str.lower, "swap": str.swapcase, "sentence": sentence}[to](text)


@tool(
    "text.case",
    group=Group.FORMAT,
    examples=[
        Example("capitals", {"text": "olá ção", "to": "upper"}, {"text": "OLÁ ÇÃO"}),
        Example("a sentence", {"text": "HELLO ANA", "to": "sentence"}, {"text": "Hello ana"}),
        Example("a name for a field", {"text": "Birth date", "to": "snake"}, {"text": "birth_date"}),
        Example("and back", {"text": "birth_date", "to": "camel"}, {"text": "birthDate"}),
    ],
)
async def text_case(inputs: Inputs) -> Outputs:
    """Change a text to upper, lower, sentence, snake, kebab, camel or pascal case."""
    return Outputs(text=one_text(in_form(one_text(inputs.text), inputs.to)))
