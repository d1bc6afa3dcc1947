"""Deterministic ids: the same cause gives the same id on every replay, on every machine."""

from __future__ import annotations

from hashlib import blake2b


def stable_id(*parts: str | bytes) -> str:
    """32 hex digits (blake2b-128) of the parts, length-prefixed so that no two lists of parts collide.

    >>> stable_id("a", "bc") == stable_id("ab", "c")
    False
    """
    digest = blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big"))
        digest.update(raw)
    return digest.hexdigest()
