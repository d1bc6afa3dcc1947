"""Capitals of words and names, in Unicode's form NFC: `text.title`, the template filter `title`, `text.case`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from contracts.texts import one_text

SMALL = frozenset(
    [
        "da",
        "das",
        "de",
        "dei",
        "degli",
        "del",
        "della",
        "delle",
        "dello",
        "den",
        "der",
        "des",
        "di",
        "do",
        "dos",
        "du",
        "e",
        "et",
        "la",
        "las",
        "los",
        "ten",
        "ter",
        "und",
        "van",
        "von",
        "y",
        "zu",
        "zum",
    ]
)
"""Particles of Portuguese, Spanish, French, Italian, German and Dutch names: small unless they come first."""

# A word may hold apostrophes: each part of O'Neill has its capital, the s of it's has none.
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# John Paul II. Not XI, nor one letter: these are names as well.
_ROMAN = re.compile(r"II|III|IV|VI{1,3}|IX|X[IVX]{2,4}")


def capital(word: str) -> str:
    """One word with its capitals."""
    head, mark, tail = word[:1], word[1:2], word[2:]
    if mark in ("'", "’") and len(tail) > 1:
        return head.upper() + mark + _first(tail)
    return _first(word)


def title(text: str, small: Iterable[str] = SMALL) -> str:
    """A name or a title with capitals, where `small` words stay small unless they come first."""
    text = one_text(text)
    stay = {one_text(word).lower() for word in small}
    start = found.start() if (found := _WORD.search(text)) else 0

    def change(found: re.Match[str]) -> str:
        word = found[0]
        if found.start() == start:
            return capital(word)
        if _ROMAN.fullmatch(word):
            return word
        return word.lower() if word.lower() in stay else capital(word)

    return one_text(_WORD.sub(change, text))


def sentence(text: str) -> str:
    """The first letter a capital, the others small."""
    small = one_text(text).lower()
    at = next((index for index, character in enumerate(small) if character.isalpha()), 0)
    return one_text(small[:at] + _first(small[at : at + 1]) + small[at + 1 :])


def _first(word: str) -> str:
    # The title case of ß is Ss, of ǆ ǅ: not that of capitals. İ is an i without a second dot.
    return word[:1].title() + word[1:].replace("İ", "i").lower()
