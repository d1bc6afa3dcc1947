"""Values inside the code of templates: told as people write them before a filter of text or `~` makes text of them.

`{{ name ~ '!' }}` becomes `{{ name|shown("name", name is defined) ~ '!'|shown }}`. A name that is not there stays a
mistake: a filter of ours cannot tell it from null, so the code says which it is.
"""

from __future__ import annotations

from typing import Any

from services.flows.catalogue import ToolError
from services.tools.toolkit.value_texts import as_text

SHOWN = "shown"
LONGEST_PATH = 40
TEXT_FILTERS = frozenset(
    [
        "capitalize",
        "e",
        "escape",
        "indent",
        "join",
        "lines",
        "lower",
        "replace",
        "split",
        "string",
        "title",
        "trim",
        "truncate",
        "upper",
        "urlencode",
    ]
)
_OPEN = frozenset("([{")
_CLOSED = frozenset(")]}")
_WORDS = frozenset({"and", "or", "in", "is", "if", "elif", "else", "for", "set", "do", "filter", "call", "with"})


def shown(value: Any, name: str = "", defined: bool = True) -> Any:  # noqa: ANN401, FBT001, FBT002 (called by templates)
    """A value as people write it; a list item by item. Raises ToolError for a name that is not there."""
    if not defined:
        raise ToolError(f"undefined value: `{name}` is undefined")
    if isinstance(value, list):
        return [item if isinstance(item, list | dict) else put_out(item) for item in value]
    return put_out(value)


def put_out(value: Any) -> Any:  # noqa: ANN401 (what a template has)
    """A JSON value as text; what is none, such as a function of the engine, as it is."""
    return as_text(value) if value is None or isinstance(value, bool | float | list | dict) else value


def shown_text(value: Any) -> str:  # noqa: ANN401 (what a template has)
    """A value as text, for a filter of text."""
    return str(put_out(value))


def with_shown(tokens: list[str]) -> str:
    """One code of a template with `|shown` behind each operand of `~`, and before each filter of text. Linear."""
    operands = _Operands(tokens)
    last = ""
    for at, piece in enumerate(tokens):
        if piece.isspace():
            continue
        if piece in _CLOSED:
            operands.close(at)
        elif piece in _OPEN:
            operands.open(at)
        elif piece == "|" and _next(tokens, at + 1) in TEXT_FILTERS:
            operands.show(at)
        elif piece == "~":
            operands.show(at)
            operands.begin(joined=True)
        elif piece in "|." or last in ("|", "."):
            pass
        elif piece in _WORDS or not (piece[0].isalnum() or piece[0] in "_\"'"):
            operands.end(at, sign=piece in "-+")
        else:
            operands.see(at)
        last = piece
    return "".join(operands.made)


class _Operands:
    """Where the operand at hand begins, a bracket within another, and whether a `~` stands before it."""

    def __init__(self, tokens: list[str]) -> None:
        self.made = list(tokens)
        self._tokens = tokens
        self._open: list[tuple[int | None, bool]] = [(None, False)]

    def see(self, at: int) -> None:
        start, joined = self._open[-1]
        self._open[-1] = (at if start is None else start, joined)

    def open(self, at: int) -> None:
        self.see(at)
        self._open.append((None, False))

    def close(self, at: int) -> None:
        self.end(at)
        if len(self._open) > 1:
            self._open.pop()

    def begin(self, *, joined: bool) -> None:
        self._open[-1] = (None, joined)

    def end(self, at: int, *, sign: bool = False) -> None:
        start, joined = self._open[-1]
        if start is None and sign:
            return  # of a number
        if joined and start is not None:
            self.show(at)
        self.begin(joined=False)

    def show(self, at: int) -> None:
        """The operand before this piece is shown: of a name or a path, with whether it is there."""
        start = self._open[-1][0]
        short = start is not None and at - start < LONGEST_PATH
        operand = "".join(self._tokens[start:at]).strip() if short else ""
        named = operand.replace(".", "").replace("_", "").isalnum() and not operand[0].isdecimal()
        call = f'|{SHOWN}("{operand}", {operand} is defined)' if named else f"|{SHOWN}"
        self.made[at] = f"{call} {self.made[at]}"


def _next(tokens: list[str], at: int) -> str:
    while at < len(tokens) and tokens[at].isspace():
        at += 1
    return tokens[at] if at < len(tokens) else ""
