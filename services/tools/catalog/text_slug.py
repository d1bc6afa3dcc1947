"""text.slug: a text for an address or a file's name (anyascii: Latin letters for every script)."""

from __future__ import annotations

import re

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.characters import latin
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text, in any script")
    separator: str = Field(
        default="-", max_length=1, pattern="^[-_.]?$", description="what stands between words: - _ . or nothing"
    )
    length: int = Field(default=80, ge=1, le=1000, description="at most so many characters")


class Outputs(BaseModel):
    """What it gives."""

    slug: str = Field(
        description="small Latin letters, digits and separators; empty when nothing is left",
        json_schema_extra={"longest": "=length"},
    )


OTHERS = re.compile(r"[^a-z0-9]+")


@tool(
    "text.slug",
    group=Group.FORMAT,
    examples=[
        Example("accents and spaces", {"text": "Promoção de Verão: 50%!"}, {"slug": "promocao-de-verao-50"}),
        Example("another script", {"text": "Привет", "separator": "_"}, {"slug": "privet"}),
        Example("short", {"text": "one two three", "length": 8}, {"slug": "one-two"}),
    ],
)
async def text_slug(inputs: Inputs) -> Outputs:
    """Turn a text into a slug for addresses and file names."""
    words = [word for word in OTHERS.split(latin(inputs.text).lower().replace("'", "")) if word]
    slug = inputs.separator.join(words)
    if len(slug) > inputs.length:
        ends_word = bool(inputs.separator) and slug[inputs.length] == inputs.separator
        slug = slug[: inputs.length]
        if inputs.separator and not ends_word and inputs.separator in slug:
            slug = slug.rsplit(inputs.separator, 1)[0]
    return Outputs(slug=slug)
