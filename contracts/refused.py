"""A body that was refused, or an item of one: what stands beside its bytes in `refused` and `refused.dlq`.

The record's value is the body, its key `account` and the source's address; one header holds this as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from contracts.message import Message, Moment

HEADER = "request"


class RefusedRequest(Message):
    """What of a request is needed to read its body again. Its proof was made before, and no secret of it is here."""

    source: str = Field(description="the source's name: its present declaration reads the body")
    received: Moment = Field(description="when the request came; the events that come of it were accepted then")
    method: str = "POST"
    query: str = ""
    headers: dict[str, str] = Field(default_factory=dict, description="without those that prove something")
    signed: list[str] | None = Field(
        default=None, description="of a signed request the headers that were signed; absent: all are the sender's"
    )
    token: str = Field(default="", description="of whole events: the name of the token that their sender showed")
    place: str = Field(default="", description="of an item: the pointer to where it stood in the body")

    @classmethod
    def of(cls, headers: Sequence[tuple[str, bytes | None]]) -> RefusedRequest:
        """From a record's headers. Raises pydantic.ValidationError."""
        return cls.read(next((value for name, value in headers if name == HEADER), None))
