"""Texts that look the same are the same: what is compared, and what keys are made of, is in Unicode's form NFC.

A Mac writes `João` as `o` and a tilde of its own in file names and some programs; a form sends one character for both.
"""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_FLAG_LETTERS = ("\U0001f1e6", "\U0001f1ff")
_SKINS = ("\U0001f3fb", "\U0001f3ff")
_TAGS = ("\U000e0020", "\U000e007f")


def one_text(text: str) -> str:
    r"""The text in NFC.

    >>> one_text("Joa\u0303o") == "João"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def same_text(text: str) -> str:
    """As `one_text`, without capitals. Folding takes some characters apart, so they are put together after it."""
    return one_text(one_text(text).casefold())


def breaks(text: str, at: int) -> bool:
    """Whether the text may be cut before `at`: between two characters as people see them.

    After UAX 29 (extended grapheme clusters), but for syllables of Hangul and Indic scripts: marks, joined emoji, skin
    tones, keycaps, flags of two letters and of tags, and a line's end of two signs stay whole.
    """
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if unicodedata.category(after).startswith("M") or after == _JOINER or _in(after, _SKINS) or _in(after, _TAGS):
        return False
    if before == _JOINER or (before, after) == ("\r", "\n"):
        return False
    if is_flag_letter(before) and is_flag_letter(after):
        run = 1
        while run < at and is_flag_letter(text[at - run - 1]):
            run += 1
        return run % 2 == 0
    return True


def cut(text: str, length: int) -> str:
    """The first so many characters, without half of one as people see it.

    One that is longer than all of that, such as a letter with a thousand marks, is cut through.
    """
    at = length
    while at > 0 and not breaks(text, at):
        at -= 1
    return text[: at or length]


def is_flag_letter(character: str) -> bool:
    """Whether it is half of a flag."""
    return _in(character, _FLAG_LETTERS)


def _in(character: str, bounds: tuple[str, str]) -> bool:
    return bounds[0] <= character <= bounds[1]
