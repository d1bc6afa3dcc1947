"""What an action's function is given to make its call with, and what can come of it. Knows no web library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson

from contracts.errors import ErrorCode
from services.closum.endpoint import Endpoint
from services.flows.catalogue import Guarantee
from services.flows.idempotency import IdempotencyKey

Query = Mapping[str, str | int | float | bool | Sequence[str]]


BOM = b"\xef\xbb\xbf"


def without_bom(content: bytes) -> bytes:
    """A text without the byte order mark that some servers write before it (RFC 8259, 8.1: it may be ignored)."""
    return content.removeprefix(BOM)


class CallFailedError(Exception):
    """A call did not do what the action promises.

    `effect_possible`: the effect can be there all the same. Then only a repeatable or keyed call is made again.
    `retriable`: a later try may succeed; by default what the code says. `inside`: the code that the answer's body gave.
    `away`: nothing was sent, for a cause that all calls of the connection have now and that time cures.
    `status`: that of the answer, or the one that its body gave.
    """

    def __init__(
        self,
        code: ErrorCode,
        cause: str,
        *,
        effect_possible: bool = False,
        retriable: bool | None = None,
        retry_after_seconds: float | None = None,
        inside: int | None = None,
        away: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(cause)
        self.code = code
        self.cause = cause
        self.effect_possible = effect_possible
        self.retriable = code.retriable if retriable is None else retriable
        self.retry_after_seconds = retry_after_seconds
        self.inside = inside
        self.away = away
        self.status = inside if status is None else status


@dataclass(frozen=True, slots=True)
class DestinationReply:
    """The destination's answer. Secrets of the connection are masked in it. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        """The body as JSON. Raises CallFailedError(ANSWER_INVALID)."""
        try:
            return orjson.loads(without_bom(self.body))
        except orjson.JSONDecodeError as error:
            raise CallFailedError(
                ErrorCode.ANSWER_INVALID,
                f"the answer (HTTP {self.status}) is not JSON: {error}",
                effect_possible=True,
            ) from None

    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return without_bom(self.body).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The content of a request and its type."""

    content: bytes
    media_type: str

    @classmethod
    def json(cls, value: object) -> RequestBody:
        """A JSON document. Raises TypeError for what JSON has not."""
        return cls(orjson.dumps(value), "application/json")

    @classmethod
    def form(cls, fields: Mapping[str, str | int | float | bool]) -> RequestBody:
        """A form as a browser sends it; true and false in lower case."""
        plain = {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}
        return cls(urlencode(plain).encode(), "application/x-www-form-urlencoded")


class ActionCall(Protocol):
    """Makes one HTTP request for one attempt of one action, with the connection's base address and credentials."""

    @property
    def effect_id(self) -> str:
        """The same on every repetition of this effect."""
        ...

    @property
    def connection(self) -> str:
        """Its name; empty where there is none."""
        ...

    @property
    def guarantee(self) -> Guarantee | None:
        """That of the request that was made; None before."""
        ...

    @property
    def idempotency(self) -> IdempotencyKey | None:
        """What its destination is known to honour; None: nothing."""
        ...

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """What the connection says of endpoints, by action, other than the catalogue does."""
        ...

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        guarantee: Guarantee,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        body: RequestBody | None = None,
        accept: frozenset[int] | None = None,
    ) -> DestinationReply:
        """The answer, if its status is in `accept` (absent: any 2xx).

        `url` is a path below the connection's base address; a whole address where there is no connection. With the
        guarantee `keyed` the effect id goes along as Idempotency-Key. Raises CallFailedError.
        """
        ...
