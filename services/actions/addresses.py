"""The form of an address that a call is made to, as far as it is known without its connection."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://|//", re.IGNORECASE)

SCHEMES = ("http://", "https://")


def check_whole(url: str) -> None:
    """Raises ValueError for what is no http or https address, or has credentials in it."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("url: not a valid address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(
            "url: without a connection, a whole address such as https://crm.example.com/contacts is needed"
        )
    if parts.username is not None or parts.password is not None:
        raise ValueError("url: credentials stand in a connection, not in an address")


def check_below(path: str) -> None:
    """Raises ValueError for a path that would leave the connection's base address."""
    if ".." in unquote(path.partition("?")[0]).replace("\\", "/").split("/"):
        raise ValueError("url: `..` is not allowed in a path")


def check_start(start: str, *, connected: bool) -> None:
    """The same of a url of which only this beginning is known."""
    text = start.lower()
    if not connected and not text.startswith(SCHEMES) and not any(scheme.startswith(text) for scheme in SCHEMES):
        check_whole(start)
    if connected and not ABSOLUTE.match(start):
        check_below(start)


def check_form(url: str, *, connected: bool) -> None:
    """Raises ValueError for a url that no connection makes right, or that needs one and has none.

    Which hosts a whole address beside a connection may have, the connection says: that is known at the call.
    """
    if any(ord(sign) < ord(" ") or sign == "\x7f" for sign in url):
        raise ValueError("url: a line break, a tab or another control character stands in it")
    path = url.partition("#")[0]
    if not connected:
        check_whole(path)
    elif not ABSOLUTE.match(path):
        check_below(path)
    elif not path.lower().startswith("https://"):
        raise ValueError("url: with a connection it is a path below it, or an https address that the connection allows")
    else:
        check_whole(path)
