"""text.strip_html: what a reader of the page sees (selectolax; scripts and styles are dropped with their text)."""

from __future__ import annotations

import re

from pydantic import BaseModel, Field
from selectolax.lexbor import LexborHTMLParser

from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.tools.toolkit.size_bounds import Text

HIDDEN = (
    "script, style, template, noscript, head, iframe, object, svg, [hidden],"
    ' [style*="display:none" i], [style*="display: none" i]'
)
BREAKS = (
    "br, p, div, li, tr, h1, h2, h3, h4, h5, h6, blockquote, section, article, header, footer, table, ul, ol, hr, pre,"
    " dl, dt, dd, main, nav, aside, address, form, fieldset, legend, figure, figcaption, details, summary, caption,"
    " option"
)
CELLS = "td, th"
# What stands side by side without a space between, and is read as two: links of a menu, buttons.
BESIDE = ("a", "button", "label", "select", "img")
MARK, GAP = "\ue000", "\ue001"
# Soft hyphens and what fills the previews of mails; a gap is a space.
SHOWN = {**dict.fromkeys(map(ord, "\u00ad\u034f\u200b\u2060\ufeff")), ord(GAP): " "}


class Inputs(BaseInputs):
    """What it takes."""

    html: Text = Field(description="HTML, whole or in part, well formed or not")
    lines: bool = Field(default=True, description="whether paragraphs and line breaks stay lines; false: one line")


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the text, without tags; &amp; and its like are characters")


TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)([^<>]*)")
DEEPEST = 1000
"""lexbor looks through all that is open for each block that begins: 20,000 nested lists took a second."""
# What ends by itself: without an end of its own, or where the next one begins.
ENDS_ITSELF = frozenset(
    [
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"),
        *(
            "p",
            "li",
            "td",
            "th",
            "tr",
            "dt",
            "dd",
            "option",
            "optgroup",
            "thead",
            "tbody",
            "tfoot",
            "colgroup",
            "rt",
            "rp",
        ),
    ]
)


def refuse_deep(html: str) -> None:
    """Raise ToolError for HTML that is nested more than 1,000 deep, by the tags that stand there. One pass."""
    depth = 0
    for end, name, rest in TAG.findall(html):
        if rest.endswith("/") or name.lower() in ENDS_ITSELF:
            continue
        depth = max(depth - 1, 0) if end else depth + 1
        if depth > DEEPEST:
            raise ToolError(f"the HTML is nested more than {DEEPEST:,} deep: nobody reads such a page")


SPACES = re.compile(r"[ \t\r\f\n\xa0]+")


@tool(
    "text.strip_html",
    group=Group.PARSE,
    examples=[
        Example("a paragraph", {"html": "<p>Olá&nbsp;<b>Ana</b> &amp; Rui</p>"}, {"text": "Olá Ana & Rui"}),
        Example("lines", {"html": "<p>one</p><p>two<br>three</p>"}, {"text": "one\ntwo\nthree"}),
        Example("cells", {"html": "<table><tr><td>a</td><td>b</td></tr></table>"}, {"text": "a b"}),
        Example("no script", {"html": "a<script>alert(1)</script>b"}, {"text": "ab"}),
        Example("one line", {"html": "<ul><li>a<li>b</ul>", "lines": False}, {"text": "a b"}),
    ],
)
async def text_strip_html(inputs: Inputs) -> Outputs:
    """Turn HTML into plain text."""
    refuse_deep(inputs.html)
    tree = LexborHTMLParser(inputs.html.replace(MARK, "").replace(GAP, ""))
    for node in tree.css(HIDDEN):
        node.decompose()
    for node in tree.css(BREAKS):
        node.insert_before(MARK)
        if node.tag != "br":
            node.insert_after(MARK)
    for node in tree.css(CELLS):
        node.insert_before(GAP)
    for node in tree.css(", ".join(BESIDE)):
        if node.prev is not None and node.prev.tag in BESIDE:
            node.insert_before(GAP)
    body = tree.body
    text = body.text() if body is not None else ""
    lines = [SPACES.sub(" ", line.translate(SHOWN)).strip() for line in text.split(MARK)]
    return Outputs(text=("\n" if inputs.lines else " ").join(line for line in lines if line))
