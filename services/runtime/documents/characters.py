"""Texts as bytes. Half of a surrogate pair, which stands alone where a program cut an emoji, is made a character."""

from __future__ import annotations

REPLACEMENT = "\ufffd"


def decoded(content: bytes) -> str:
    """UTF-8, in which halves of pairs may stand: two that belong together are one character, others U+FFFD.

    Raises UnicodeDecodeError for what is not UTF-8 otherwise.
    """
    try:
        return content.decode()
    except UnicodeDecodeError:
        halves = content.decode("utf-8", "surrogatepass")
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
