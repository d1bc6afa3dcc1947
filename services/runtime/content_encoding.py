"""Answers that are compressed, though nobody asked for it: unpacked as far as is wanted, and no further."""

from __future__ import annotations

import zlib

PLAIN = ("", "identity")
PACKED = ("gzip", "x-gzip", "deflate")
EITHER_HEAD = 47  # wbits: gzip or zlib, whichever the first bytes say
NO_HEAD = -15  # wbits: deflate without the head that RFC 9110, 8.4.1.2, wants
HEAD_BYTES = 2
GZIP = b"\x1f\x8b"


class UnpackError(Exception):
    """It is not what it says. The text ends a sentence about the answer."""


class Unpacker:
    """Unpacks a body chunk by chunk."""

    def __init__(self, encoding: str) -> None:
        """`encoding`: Content-Encoding, in lower case. Raises UnpackError for one that nobody here unpacks."""
        if encoding not in (*PLAIN, *PACKED):
            raise UnpackError(f"is encoded as {encoding[:40]!r}, though `identity` was asked for")
        self._encoding = encoding
        self._head = b""
        self._inflate: zlib._Decompress | None = None

    def unpacked(self, chunk: bytes, most: int) -> bytes:
        """What the chunk holds, at most so many bytes: a small one can be huge inside. Raises UnpackError."""
        if self._encoding in PLAIN:
            return chunk[:most]
        if self._inflate is None:
            self._head = chunk = self._head + chunk
            if len(chunk) < HEAD_BYTES:
                return b""
            self._inflate = zlib.decompressobj(EITHER_HEAD if _headed(chunk) else NO_HEAD)
        try:
            return self._inflate.decompress(chunk, most)
        except zlib.error as error:
            raise UnpackError(f"is not {self._encoding}: {error}") from None

    def ended(self) -> bool:
        """Whether all is there."""
        return not self._head if self._inflate is None else self._inflate.eof


def _headed(content: bytes) -> bool:
    """Whether it begins as gzip (RFC 1952, 2.3.1) or zlib (RFC 1950, 2.2) does."""
    first, second = content[:HEAD_BYTES]
    return content[:HEAD_BYTES] == GZIP or (first & 0x0F == 8 and (first * 256 + second) % 31 == 0)  # noqa: PLR2004
