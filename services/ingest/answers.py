"""From what an endpoint does to an HTTP answer: 202, a problem, and never a stack trace."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractContextManager
from http import HTTPStatus
from types import TracebackType

import orjson
from prometheus_client import Counter
from starlette.types import Send

from contracts.errors import ErrorCode
from services.ingest import problems
from services.ingest.problems import Refused
from services.runtime import logging, metrics

UNKNOWN = "unknown"
"""The `source` label of requests that name no hook, or prove nothing."""

log = logging.get("http")
_counters: dict[tuple[str, int], Counter] = {}


class InFlight(AbstractContextManager[None]):
    """Requests at work now, and the most that may be."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._now = 0

    def __enter__(self) -> None:
        """Raises Refused: 503 when there are as many as may be."""
        if self._now >= self._most:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                ErrorCode.OVERLOADED,
                f"{self._most} requests are at work already. Send again after a moment.",
                headers={"Retry-After": "1"},
            )
        self._now += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._now -= 1


async def answer(source: str, work: Awaitable[str], send: Send) -> None:
    """Do the work, which gives the id of the accepted event, and answer the request."""
    status = HTTPStatus.ACCEPTED.value
    headers = [(b"content-type", b"application/json")]
    try:
        body = orjson.dumps({"id": await work})
    except Refused as refused:
        status, headers, body = _refusal(refused)
        # Who set up a hook wants to read why it is refused. Strangers, and a Kafka that is away, must not fill the log.
        quiet = source == UNKNOWN or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        tell = log.debug if quiet else log.info
        fields = refused.members.get("errors")
        tell(
            "request.refused",
            source=source,
            status=status,
            code=refused.code.value,
            cause=refused.detail,
            fields=fields,
        )
    except Exception:
        log.exception("request.failed", source=source)
        status, headers, body = _refusal(bug())
    count(source, status)
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def bug() -> Refused:
    """The answer to what nobody foresaw."""
    return Refused(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        ErrorCode.BUG,
        "The event is not accepted, by a fault of ours that is in our log. Send the same request again later.",
    )


def count(source: str, status: int) -> None:
    """Count one answer."""
    counter = _counters.get((source, status))
    if counter is None:
        counter = _counters[source, status] = metrics.INGEST_RESPONSES.labels(source=source, status=str(status))
    counter.inc()


def _refusal(refused: Refused) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    headers = [(b"content-type", problems.CONTENT_TYPE.encode())]
    headers += [(name.lower().encode(), value.encode()) for name, value in refused.headers.items()]
    return refused.status.value, headers, refused.body()
