"""The line of a fault, with a caret under its location."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from services.flows.secrets import masked

WIDEST = 160
BEFORE = 80


def _lines(file: str) -> tuple[str, ...]:
    try:
        return tuple(Path(file).read_bytes().decode("utf-8-sig").split("\n"))
    except (OSError, UnicodeDecodeError):
        return ()


def excerpt(file: str, line: int, col: int) -> str | None:
    """Two lines of text, the flow's and the caret's; None where there is no such line.

    Secrets in it are masked. A line that is too wide for a terminal is cut around the location.
    """
    lines = _lines(file)
    if not 0 < line <= len(lines) or not lines[line - 1].strip():
        return None
    return drawn(masked(lines[line - 1].rstrip("\r")), line, col)


def drawn(text: str, line: int, col: int) -> str:
    """The line with its number, and the caret under the character `col` (from 1).

    >>> print(drawn("on: a", 2, 5))
        2 | on: a
          |     ^
    """
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    at = min(col - 1, len(shown))
    start = max(0, at - BEFORE) if len(shown) > WIDEST else 0
    head = "…" if start else ""
    tail = "…" if len(shown) > start + WIDEST else ""
    number = f"{line:>5}"
    code = f"{number} | {head}{shown[start : start + WIDEST]}{tail}".rstrip()
    return f"{code}\n{' ' * len(number)} | {' ' * _width(head + shown[start:at])}^"


def _width(text: str) -> int:
    """The columns that a terminal draws a text in: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )
