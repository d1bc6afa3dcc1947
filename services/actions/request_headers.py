"""The headers of a request: the step's, the body's type, the key of the effect, the connection's own. Each stands once.

Names are compared as HTTP does, without regard to case (RFC 9110, 5.1): two lines of one name would reach the
destination as `a, b`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from contracts.errors import ErrorCode
from services.actions.action_call import CallFailedError

NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110, 5.6.2
FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"})
"""The client writes these itself."""
CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie"})
"""They stand in a connection."""
RESERVED = FRAMING | CREDENTIALS | {"accept", "accept-encoding", "content-encoding", "content-type", "user-agent"}
"""What already has a meaning, so that no key can stand there."""


def request_headers(
    given: Mapping[str, str] | None,
    own: Mapping[str, str],
    signing: Collection[str] = (),
    *,
    media_type: str | None,
    key: tuple[str, str] | None,
) -> dict[str, str]:
    """All headers of a request. `given` by the step, `own` of the connection, `key`: name and value of the effect's.

    `signing`: the names of what is added when it leaves.

    A step's Content-Type takes the place of the body's. Raises CallFailedError(INPUT_INVALID) where a step gives what
    is the connection's, or the key's.
    """
    found = dict(given or {})
    names = {name.lower(): name for name in found}
    for mine, whose in (
        (own, "the connection's own"),
        (signing, "where the connection's signature stands"),
        (() if key is None else (key[0],), "where the effect's key stands"),
    ):
        for name in mine:
            if name.lower() in names:
                cause = f"headers: {names[name.lower()]!r} is {whose}: leave it out of the step"
                raise CallFailedError(ErrorCode.INPUT_INVALID, cause)
    if media_type is not None and "content-type" not in names:
        found["Content-Type"] = media_type
    if key is not None:
        found[key[0]] = key[1]
    found.update(own)
    return found
