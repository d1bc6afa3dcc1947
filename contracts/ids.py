"""Deterministic ids: the same cause gives the same id on every replay, on every machine."""

from __future__ import annotations

from hashlib import blake2b

LONGEST = 512
"""Characters of an id or a subject in a message."""


def id_text(value: object) -> str:
    """A text or a number as an id, or as part of one; empty for what is none. 12 and 12.0 are one.

    >>> id_text(12.0), id_text(" a-7 "), id_text(0.5), id_text(True)
    ('12', 'a-7', '0.5', '')
    """
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def within(text: str, most: int = LONGEST) -> str:
    """The text; of a longer one its beginning and a hash of it all, so that different ones stay different."""
    return text if len(text) <= most else f"{text[: most - 33]}~{stable_id(text)}"


def stable_id(*parts: str | bytes) -> str:
    """32 hex digits (blake2b-128) of the parts, length-prefixed so that no two lists of parts collide.

    >>> stable_id("a", "bc") == stable_id("ab", "c")
    False
    """
    return begun_id(*parts).hexdigest()


def begun_id(*parts: str | bytes, after: blake2b | None = None) -> blake2b:
    """The first parts of ids, or those `after` them: for many ids that begin alike, with something long.

    >>> begun_id("c", after=begun_id("a", "b")).hexdigest() == stable_id("a", "b", "c")
    True
    """
    digest = blake2b(digest_size=16) if after is None else after.copy()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest
