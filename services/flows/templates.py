"""Text with expressions in it: `Olá ${ trigger.contact.name }!`. `$${` is a plain `${`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

OPEN = "${"
ESCAPED = "$${"


class TemplateError(ValueError):
    """A `${` without its `}`; `at` is its index in the text."""

    def __init__(self, at: int) -> None:
        super().__init__("`${` is not closed by `}`: close it, or write `$${` for a plain `${`")
        self.at = at


@dataclass(frozen=True, slots=True)
class Hole:
    """The source of an expression and where it stands in the text: `text[start:end]`, without blanks around it."""

    source: str
    start: int
    end: int


def split(text: str) -> list[str | Hole]:
    """Texts and holes, in order; no text is empty. Raises TemplateError."""
    return list(_parts(text))


def _parts(text: str) -> Iterator[str | Hole]:
    plain: list[str] = []
    at = 0
    while (found := text.find(OPEN, at)) != -1:
        if found > at and text[found - 1] == "$":
            plain.append(text[at : found - 1] + OPEN)
            at = found + len(OPEN)
            continue
        plain.append(text[at:found])
        if before := "".join(plain):
            yield before
        plain = []
        end = _end(text, found + len(OPEN))
        if end is None:
            raise TemplateError(found)
        inner = text[found + len(OPEN) : end]
        start = found + len(OPEN) + (len(inner) - len(inner.lstrip()) if inner.strip() else 0)
        yield Hole(inner.strip(), start, start + len(inner.strip()))
        at = end + 1
    plain.append(text[at:])
    if rest := "".join(plain):
        yield rest


def _end(text: str, at: int) -> int | None:
    """The index of the `}` that ends an expression. Braces of maps and braces inside texts do not."""
    depth = 0
    while at < len(text):
        sign = text[at]
        if sign in "'\"":
            closed = _after_text(text, at)
            if closed is None:
                return None
            at = closed
            continue
        if sign == "{":
            depth += 1
        elif sign == "}":
            if depth == 0:
                return at
            depth -= 1
        at += 1
    return None


def _after_text(text: str, at: int) -> int | None:
    """The index after the CEL text that begins at `at`."""
    quote = text[at] * 3 if text.startswith(text[at] * 3, at) else text[at]
    raw = at > 0 and text[at - 1] in "rR"
    at += len(quote)
    while at < len(text):
        if text.startswith(quote, at):
            return at + len(quote)
        at += 2 if text[at] == "\\" and not raw else 1
    return None
