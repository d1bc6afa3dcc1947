"""A call that answers what a test says and notes what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.actions.action_call import CallFailedError, DestinationReply, Query, RequestBody
from services.closum.endpoint import Endpoint
from services.flows.catalogue import Guarantee
from services.flows.idempotency import IdempotencyKey


@dataclass
class Asked:
    """One request."""

    method: str
    url: str
    guarantee: Guarantee
    query: Query | None
    headers: Mapping[str, str] | None
    body: RequestBody | None
    accept: frozenset[int] | None

    @property
    def json(self) -> Any:
        """The body."""
        assert self.body is not None
        return orjson.loads(self.body.content)


@dataclass
class FakeCall:
    """Answers with a JSON value, raw bytes or an error."""

    answer: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    effect_id: str = "e1"
    connection: str = "closum"
    guarantee: Guarantee | None = None
    asked: list[Asked] = field(default_factory=list)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    idempotency: IdempotencyKey | None = None

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
        """Note it and answer."""
        self.guarantee = guarantee
        self.asked.append(Asked(method, url, guarantee, query, headers, body, accept))
        if isinstance(self.answer, CallFailedError):
            raise self.answer
        content = self.answer if isinstance(self.answer, bytes) else orjson.dumps(self.answer)
        return DestinationReply(self.status, self.headers, content)
