"""Answers of the HTTP API that are no success (RFC 9457), and what a request brings."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from aiohttp import web

PROBLEM = "application/problem+json"


class ProblemError(Exception):
    """An answer that is no success."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


async def body_of(request: web.Request) -> object:
    """The body as JSON; none is an empty object. Raises ProblemError."""
    try:
        return orjson.loads(await request.read() or b"{}")
    except orjson.JSONDecodeError as error:
        raise ProblemError(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None


def json_of(value: object) -> web.Response:
    """An answer that is a success."""
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def problem(status: HTTPStatus, detail: str) -> web.Response:
    """An answer that is none."""
    body = {"title": status.phrase, "status": status.value, "detail": detail}
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else None
    return web.Response(body=orjson.dumps(body), status=status.value, content_type=PROBLEM, headers=headers)
