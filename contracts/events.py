"""The event: what happened, as a CloudEvents 1.0 structured JSON document.

Source of the format: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from contracts.ids import stable_id
from contracts.message import Message, Moment, countable

CONTENT_TYPE = "application/cloudevents+json"

LONGEST_DUPLICATE_SECONDS = 366 * 86_400

OURS = frozenset({"hops", "ledby", "occurrence"})
"""What services/tools says of an event, and no sender, whichever way it comes."""

NonEmpty = Annotated[str, StringConstraints(min_length=1, max_length=512)]


def _media_type(value: object) -> object:
    """Without parameters, such as `; charset=utf-8`: JSON is JSON (RFC 8259, section 11). Other JSON types are too."""
    kind = value.partition(";")[0].strip().lower() if isinstance(value, str) else value
    json = isinstance(kind, str) and (kind.endswith("+json") or kind == "text/json")
    return "application/json" if json else kind


class Event(Message):
    """One thing that happened. Produced by services/ingest and by other teams; consumed by services/tools.

    `id` and `source` together are unique: the same pair again, within `duplicateseconds`, is a duplicate that starts
    nothing. Where the sender gives no id, `contentid` says so: the same content can come to be once more.
    The Kafka key is `account/subject`: all that concerns one contact keeps its order.
    """

    # CloudEvents extension attributes of others pass through.
    model_config = ConfigDict(frozen=True, extra="allow")

    specversion: Literal["1.0"] = "1.0"
    id: NonEmpty = Field(description="unique within the source; the same id again is a duplicate")
    source: NonEmpty = Field(description="who says so, a URI reference such as `/hooks/whatsapp`")
    type: NonEmpty = Field(description="the trigger's name, such as `closum.whatsapp.message_received`")
    subject: NonEmpty = Field(description="the entity whose order matters: a phone, an e-mail, a lead's id")
    time: Moment = Field(default_factory=lambda: datetime.now(UTC), description="when it happened")
    datacontenttype: Annotated[Literal["application/json"], BeforeValidator(_media_type)] = "application/json"
    account: NonEmpty = Field(default="default", description="whose it is; nothing of one account touches another's")
    accepted: Moment | None = Field(default=None, description="when ingest took it")
    duplicateseconds: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_DUPLICATE_SECONDS,
        description="how long the same id and source is a duplicate; absent: as long as the installation is set to",
    )
    contentid: NonEmpty | None = Field(
        default=None,
        description="the id was made of the content, and of which: within `duplicateseconds` the same id is a duplicate"
        " only until another event of the same source and subject came",
    )
    occurrence: NonEmpty | None = Field(
        default=None,
        description="of several events whose id was made of the same content, which: set by services/tools",
    )
    hops: Annotated[int, Field(ge=1), countable] | None = Field(
        default=None, description="writes of ours since the first change that led to this"
    )
    ledby: str | None = Field(
        default=None,
        description="flows, with commas, whose runs led to this: one made it by a call. Set by services/tools only",
    )
    data: dict[str, Any] = Field(description="the trigger's payload")

    @property
    def happening(self) -> str:
        """What tells it from every other event of its source: its id, unless that can come again for another one."""
        return self.id if self.occurrence is None else stable_id(self.id, self.occurrence)

    @property
    def led_by(self) -> tuple[str, ...]:
        """The flows whose runs led to this: none of them starts by it."""
        return tuple(self.ledby.split(",")) if self.ledby else ()

    @property
    def key(self) -> bytes:
        """The Kafka key of this event."""
        return partition_key(self.account, self.subject)


def partition_key(account: str, subject: str) -> bytes:
    """The Kafka key of whatever belongs to a subject."""
    return f"{account}/{subject}".encode()
