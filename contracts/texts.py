"""Texts that look the same are the same: what is compared, and what keys are made of, is in Unicode's form NFC.

A Mac writes `João` as `o` and a tilde of its own in file names and some programs; a form sends one character for both.
"""

from __future__ import annotations

import unicodedata


def one_text(text: str) -> str:
    r"""The text in NFC.

    >>> one_text("Joa\u0303o") == "João"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def same_text(text: str) -> str:
    """As `one_text`, without capitals. Folding takes some characters apart, so they are put together after it."""
    return one_text(one_text(text).casefold())
