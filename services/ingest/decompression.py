"""Compressed bodies: unpacked up to the limit and not one byte more, so that a small body cannot fill the memory."""

from __future__ import annotations

import gzip
import io
import zlib
from http import HTTPStatus

from contracts.errors import ErrorCode
from services.ingest.http_problems import Refused

GZIP = zlib.MAX_WBITS | 16
KNOWN = {"gzip": GZIP, "x-gzip": GZIP, "deflate": zlib.MAX_WBITS}
RAW = -zlib.MAX_WBITS
MEMBER = b"\x1f\x8b\x08"
MOST_MEMBERS = 1_000
"""Of one gzip body. Each costs microseconds, also an empty one of 20 bytes: 3 MB of these would be half a second."""


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """The body without its Content-Encoding; of gzip all members, as RFC 1952 section 2.2 has them.

    Raises Refused: 413 over `most` bytes, 415 for what is not known, 400 for what is broken, cut off or goes on behind
    its end.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name not in KNOWN:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            ErrorCode.MEDIA_UNSUPPORTED,
            "The Content-Encoding is not known here. Send the body plain, or as gzip or deflate.",
            headers={"Accept-Encoding": "gzip, deflate"},
        )
    unpacker = zlib.decompressobj(RAW if name == "deflate" and not _with_zlib_header(body) else KNOWN[name])
    try:
        plain = unpacker.decompress(body, most + 1)
        if unpacker.unused_data:
            if KNOWN[name] != GZIP:
                raise _broken()
            plain = _members(body, most)
    except (zlib.error, EOFError, gzip.BadGzipFile):
        raise _broken() from None
    if len(plain) > most:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            ErrorCode.BODY_TOO_LARGE,
            f"The body is over {most} bytes when it is unpacked.",
            headers={"Connection": "close"},
            limit_bytes=most,
        )
    if not unpacker.eof:
        raise _broken()
    return plain


def _with_zlib_header(body: bytes) -> bool:
    """Whether deflate comes as RFC 9110, 8.4.1.2 has it, in zlib's format. Many send it raw: RFC 1950, 2.2."""
    return len(body) > 1 and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0


def _members(body: bytes, most: int) -> bytes:
    if body.count(MEMBER) > MOST_MEMBERS:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            ErrorCode.BODY_TOO_LARGE,
            f"The body has more than {MOST_MEMBERS} gzip members. Compress it as one.",
            headers={"Connection": "close"},
        )
    with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
        return file.read(most + 1)


def _broken() -> Refused:
    return Refused(
        HTTPStatus.BAD_REQUEST, ErrorCode.JSON_INVALID, "The body cannot be unpacked: it is broken, or cut off."
    )
