"""text.strip_html: what a reader of the page sees (selectolax; scripts and styles are dropped with their text)."""

from __future__ import annotations

import re

from pydantic import BaseModel, Field
from selectolax.lexbor import LexborHTMLParser

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.size_bounds import Text

HIDDEN = "script, style, template, noscript, head, iframe, object, svg"
BREAKS = (
    "br, p, div, li, tr, h1, h2, h3, h4, h5, h6, blockquote, section, article, header, footer, table, ul, ol, hr, pre"
)
MARK = "\ue000"


class Inputs(BaseInputs):
    """What it takes."""

    html: Text = Field(description="HTML, whole or in part, well formed or not")
    lines: bool = Field(default=True, description="whether paragraphs and line breaks stay lines; false: one line")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the text, without tags; &amp; and its like are characters")


SPACES = re.compile(r"[ \t\r\f\n\xa0]+")


@tool(
    "text.strip_html",
    group=Group.PARSE,
    examples=[
        Example("a paragraph", {"html": "<p>Olá&nbsp;<b>Ana</b> &amp; Rui</p>"}, {"text": "Olá Ana & Rui"}),
        Example("lines", {"html": "<p>one</p><p>two<br>three</p>"}, {"text": "one\ntwo\nthree"}),
        Example("no script", {"html": "a<script>alert(1)</script>b"}, {"text": "ab"}),
        Example("one line", {"html": "<ul><li>a<li>b</ul>", "lines": False}, {"text": "a b"}),
    ],
)
async def text_strip_html(inputs: Inputs) -> Outputs:
    """Turn HTML into plain text."""
    tree = LexborHTMLParser(inputs.html.replace(MARK, ""))
    for node in tree.css(HIDDEN):
        node.decompose()
    for node in tree.css(BREAKS):
        node.insert_before(MARK)
        if node.tag != "br":
            node.insert_after(MARK)
    body = tree.body
    text = body.text() if body is not None else ""
    lines = [SPACES.sub(" ", line).strip() for line in text.split(MARK)]
    return Outputs(text=("\n" if inputs.lines else " ").join(line for line in lines if line))
