"""Places in a file, and the way back from a character of an expression to the file that it was written in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A line and a column, both from 1."""

    line: int
    col: int


@dataclass(frozen=True, slots=True)
class TextOrigin:
    """Where a piece of text was written.

    `lines[n]` is where its line n begins. Where YAML folded or escaped the text, so that columns
    cannot be followed, `exact` is false and every location is the start.
    """

    lines: tuple[Location, ...]
    exact: bool = True

    @property
    def start(self) -> Location:
        """The first character."""
        return self.lines[0]

    def at(self, line: int, col: int) -> Location:
        """The location in the file of a line and a column (from 1) in the text."""
        if not self.exact or not 1 <= line <= len(self.lines) or col < 1:
            return self.start
        first = self.lines[line - 1]
        return Location(first.line, first.col + col - 1)

    def part(self, text: str, start: int, end: int) -> TextOrigin:
        """The origin of `text[start:end]`, where `text` is what this is the origin of."""
        if not self.exact:
            return TextOrigin((self.start,), exact=False)
        before = text[:start]
        number = before.count("\n")
        col = start - (before.rfind("\n") + 1) + 1
        count = text.count("\n", start, end) + 1
        return TextOrigin((self.at(number + 1, col), *self.lines[number + 1 : number + count]))
