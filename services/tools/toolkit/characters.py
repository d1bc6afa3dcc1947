"""Characters as people see them, and their nearest in Latin letters."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

from contracts.texts import one_text
from services.flows.sms import GSM7

_GAP = re.compile(" {2,}")
_JOINER = "\u200d"
_FLAG_LETTERS = ("\U0001f1e6", "\U0001f1ff")
_SKINS = ("\U0001f3fb", "\U0001f3ff")
_TAGS = ("\U000e0020", "\U000e007f")


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
    if _in(before, _FLAG_LETTERS) and _in(after, _FLAG_LETTERS):
        run = 1
        while run < at and _in(text[at - run - 1], _FLAG_LETTERS):
            run += 1
        return run % 2 == 0
    return True


def latin(text: str) -> str:
    """The nearest in ASCII: `ção` → `cao`. What is a picture goes: its name (`:tada:`) is nobody's word."""
    return "".join(map(_latin, one_text(text)))


def gsm7(text: str) -> str:
    """The nearest in the alphabet of an SMS: `é` stays, `ã` is `a`, and what was only a picture leaves no gap."""
    signs = [
        sign if sign in GSM7 else "".join(near for near in _latin(sign) if near in GSM7) for sign in one_text(text)
    ]
    return _GAP.sub(" ", "".join(signs)).strip() if "" in signs else "".join(signs)


@lru_cache(maxsize=4096)
def _latin(character: str) -> str:
    near = anyascii(character)
    named = len(near) > 2 and near[0] == near[-1] == ":"  # noqa: PLR2004 (colons round a name)
    return "" if named or _in(character, _FLAG_LETTERS) else near


def _in(character: str, bounds: tuple[str, str]) -> bool:
    return bounds[0] <= character <= bounds[1]
