"""text.percent: percent-encoding of RFC 3986, and back."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.size_bounds import Text, bounded

WRONG = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text")
    what: Literal["encode", "decode"] = Field(default="encode", description="encode, or back: decode")
    form: bool = Field(default=False, description="true: as forms do it, with + for a space; false: %20")
    keep: str = Field(
        default="", pattern=r"^[\x21-\x7e]{0,20}$", description="signs that stay when encoding, such as /"
    )


class Outputs(BaseModel):
    """What it gives."""

    valid: bool = Field(description="false: there is a % without two digits, or it is no UTF-8")
    text: str = Field(default="", description="the other form; empty when it is not valid")


@tool(
    "text.percent",
    group=Group.FORMAT,
    examples=[
        Example("a word", {"text": "São João & Co."}, {"text": "S%C3%A3o%20Jo%C3%A3o%20%26%20Co."}),
        Example("a path", {"text": "leads/ana maria", "keep": "/"}, {"text": "leads/ana%20maria"}),
        Example("a form", {"text": "a b+c", "form": True}, {"text": "a+b%2Bc"}),
        Example("back", {"text": "a+b%2Bc", "what": "decode", "form": True}, {"text": "a b+c"}),
        Example("none", {"text": "100%", "what": "decode"}, {"valid": False, "text": ""}),
    ],
)
async def text_percent(inputs: Inputs) -> Outputs:
    """Percent-encode a text for a URL, or decode one. `query:` of http.request encodes by itself."""
    if inputs.what == "decode":
        return decoded(inputs.text.replace("+", " ") if inputs.form else inputs.text)
    keep = inputs.keep.replace("%", "") + (" " if inputs.form else "")
    # Half of a surrogate pair is no character: it goes as U+FFFD, as everywhere.
    made = quote(inputs.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), safe=keep)
    if inputs.form:
        made = made.replace(" ", "+") if "+" not in inputs.keep else made
    bounded(len(made), "text")
    return Outputs(valid=True, text=made)


def decoded(text: str) -> Outputs:
    """What stands for a text."""
    if WRONG.search(text) is not None:
        return Outputs(valid=False)
    try:
        return Outputs(valid=True, text=unquote_to_bytes(text).decode("utf-8"))
    except UnicodeError:
        return Outputs(valid=False)
