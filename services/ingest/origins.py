"""Web pages that may send to a source: what the CORS protocol of browsers asks for, and nothing for anybody else.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol. An origin proves nothing: only browsers tell the truth about
it. So a request without one is as it was, and the source's token or proof is asked for all the same. Credentials are
never allowed: a browser's cookies have no meaning to us.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from contracts.errors import ErrorCode
from services.ingest.auth.scheme import AuthRequest
from services.ingest.http_problems import Refused
from services.ingest.responses import Headers, Response
from services.ingest.sources.hook import Hook

ASKED = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{1,1024}")
"""What a page may want to send: names of headers, as RFC 9110 writes them."""
KEPT_SECONDS = 7200  # longer than Chrome remembers: https://fetch.spec.whatwg.org/#http-access-control-max-age
SHOWN = 200


def shown_to(hook: Hook, request: AuthRequest) -> Headers:
    """What every answer of the source says, so that a page that may send can read it."""
    if not hook.origins:
        return ()
    vary = (b"vary", b"Origin")  # also without an origin: a cache must not give that answer to a page
    origin = request.header("origin")
    if origin not in hook.origins:
        return (vary,)
    exposed = (b"access-control-expose-headers", b"Retry-After")
    return (vary, (b"access-control-allow-origin", origin), exposed)


def is_preflight(request: AuthRequest) -> bool:
    """Whether a browser asks before a page's request."""
    return request.method == "OPTIONS" and b"access-control-request-method" in request.headers


def preflight(hook: Hook, request: AuthRequest) -> Response:
    """The page may send. Raises Refused: 403 where it may not."""
    if not hook.origins:
        raise _refused("No web page may send to this source. Its `origins:` would name those that may.")
    require(hook, request)
    methods = b"POST, GET" if hook.from_query else b"POST"
    headers = [(b"access-control-allow-methods", methods), (b"access-control-max-age", b"%d" % KEPT_SECONDS)]
    asked = request.header("access-control-request-headers")
    if ASKED.fullmatch(asked):
        headers.append((b"access-control-allow-headers", asked))
    return Response(HTTPStatus.NO_CONTENT, b"", None, headers)


def require(hook: Hook, request: AuthRequest) -> None:
    """Raises Refused: 403 for a page that is none of the source's. A request without an origin comes from no page."""
    if not hook.origins:
        return
    origin = request.header("origin")
    if not origin or origin in hook.origins:
        return
    shown = origin[:SHOWN].decode("ascii", "replace")
    raise _refused(
        f"Web pages of the origin {shown!r} may not send to this source. Add it to its `origins:`, exactly so."
        if origin != b"null"
        else "The web page hides its origin (a file, a sandbox, or a redirect to another site): it may not send here."
    )


def _refused(detail: str) -> Refused:
    return Refused(HTTPStatus.FORBIDDEN, ErrorCode.UNAUTHENTICATED, detail)
