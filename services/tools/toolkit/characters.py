"""Characters as people see them, and their nearest in Latin letters."""

from __future__ import annotations

import re
from functools import lru_cache

from anyascii import anyascii

from contracts.texts import is_flag_letter, one_text
from services.flows.sms import GSM7

_GAP = re.compile(" {2,}")


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
    return "" if named or is_flag_letter(character) else near
