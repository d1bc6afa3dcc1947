"""text.replace: a text or a pattern (RE2, linear time) for another text."""

from __future__ import annotations

from pydantic import BaseModel, Field
from typing_extensions import override

from contracts.texts import one_text
from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.flows.refined import MAX_PATTERN, PatternMatch, pattern
from services.flows.unknown import known
from services.tools.toolkit.size_bounds import MAX_OUTPUT, Text, bounded


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="the text")
    find: str = Field(min_length=1, max_length=MAX_PATTERN, description="what to look for: text, or a pattern")
    replacement: str = Field(
        default="", max_length=10_000, description=r"what comes there; of a pattern, \1 is its group"
    )
    pattern: bool = Field(default=False, description="true: `find` is a regular expression of RE2")
    ignore_case: bool = Field(default=False, description="true: capitals do not count")
    limit: int = Field(default=0, ge=0, le=100_000, description="at most so many times, from the left; 0: all")

    @override
    def hopeless(self) -> None:
        """A pattern that is none."""
        if self.pattern:
            pattern(known(self.find))


class Outputs(BaseModel):
    """What it gives."""

    text: str = Field(description="the text with the replacements")
    count: int = Field(description="how many there were")


@tool(
    "text.replace",
    group=Group.FORMAT,
    examples=[
        Example("a text", {"text": "a.b.c", "find": ".", "replacement": "-"}, {"text": "a-b-c", "count": 2}),
        Example(
            "a pattern with groups",
            {"text": "31/05/2026", "find": r"(\d+)/(\d+)/(\d+)", "replacement": r"\3-\2-\1", "pattern": True},
            {"text": "2026-05-31"},
        ),
        Example(
            "only the first", {"text": "aaa", "find": "A", "ignore_case": True, "limit": 1}, {"text": "aa", "count": 1}
        ),
    ],
)
async def text_replace(inputs: Inputs) -> Outputs:
    """Replace a text or a pattern in a text."""
    text, find = one_text(inputs.text), one_text(inputs.find)
    quoted = find if inputs.pattern else literal(find)
    try:
        compiled = pattern(quoted, ignore_case=inputs.ignore_case)
    except ValueError as error:
        raise ToolError(str(error)) from None
    pieces: list[str] = []
    at = length = count = 0
    for found in compiled.finditer(text):
        new = expanded(found, inputs.replacement) if inputs.pattern else inputs.replacement
        pieces += [text[at : found.start()], new]
        length += len(new)
        at, count = found.end(), count + 1
        if length > MAX_OUTPUT:
            bounded(length, "text")
        if count == inputs.limit:
            break
    pieces.append(text[at:])
    return Outputs(text="".join(pieces), count=count)


def expanded(found: PatternMatch, replacement: str) -> str:
    """The replacement with its groups filled. Raises ToolError for one that does not fit the pattern, or is no text."""
    try:
        new = found.expand(replacement)
        new.encode()
    except Exception as error:  # noqa: BLE001 (re2 raises its own kinds for a group that the pattern does not have)
        raise ToolError(f"replacement {replacement[:60]!r} does not fit the pattern: {told(error)}") from None
    return new


def literal(text: str) -> str:
    """A text as a pattern that finds just it."""
    return "".join(
        character if character.isalnum() or character > "\x7f" else f"\\x{{{ord(character):x}}}" for character in text
    )


def told(error: Exception) -> str:
    """The text of re2's error, which may be bytes."""
    if isinstance(error, UnicodeEncodeError):  # re2 reads an escape as Python does; half a pair is no text
        return "it makes half of a surrogate pair"
    if isinstance(error, UnicodeError):
        return "a backslash in it begins nothing; write two for one"
    fault = error.args[0] if error.args else error
    return fault.decode(errors="replace") if isinstance(fault, bytes) else str(fault)
