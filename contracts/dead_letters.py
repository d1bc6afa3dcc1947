"""A dead letter: the original record, untouched, with headers that say where, why, how often, and who must act.

One that would not fit into its topic is kept *by reference*: `original_bytes` says how large the record is, the headers
where it is, and of key and value only the first bytes are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

from pydantic import Field

from contracts.errors import ErrorCode, WhoMustAct
from contracts.message import Message, Moment

PREFIX = "flows-"
REDRIVEN = "flows-redriven"
"""Header of a record that was a dead letter: which one. Where it came from takes it for no duplicate."""
REDRIVEN_FLOW = "flows-redriven-flow"
"""Header beside it, of an event: the flow that it died in. Its other flows have had the event."""
REDRIVEN_OCCURRENCE = "flows-redriven-occurrence"
"""Header beside it, of an event whose id was made of its content: which of several such it was, and is again."""


LONGEST_CAUSE = 2000
LONGEST_ID = 512


class DeadLetter(Message):
    """The headers of a record in a `*.dlq` topic. Key, value and other headers are those of the original.

    With `original_bytes` there are only the first bytes of key and value.
    """

    topic: str = Field(description="where the original record was; of a poll's item its source, `/polls/NAME`")
    partition: int
    offset: int = Field(description="of a poll's item its number in the answer")
    first_offset: int | None = Field(
        default=None, description="the letter tells of the records from here to `offset`; absent: it holds its record"
    )
    code: ErrorCode
    who_must_act: WhoMustAct
    cause: str = Field(description="one sentence for a person; never holds a secret")
    attempts: int = Field(default=1, ge=0)
    service: str = Field(description="which service gave up: ingest, tools or actions")
    at: Moment
    run_id: str | None = None
    event_id: str | None = None
    flow: str | None = None
    step: str | None = None
    effect_id: str | None = None
    occurrence: str | None = Field(default=None, description="of an event without an id of its own: see the event's")
    effect_possible: bool | None = Field(
        default=None, description="whether some attempt may have had its effect; absent: what `code` says of the last"
    )
    original_bytes: int | None = Field(
        default=None,
        ge=0,
        description="size of the original record. Present: the letter is kept by reference, and holds only its first"
        " bytes. The whole is at topic, partition and offset, as long as Kafka keeps it there",
    )

    @classmethod
    def of(
        cls, coordinates: tuple[str, int, int], code: ErrorCode, cause: str, service: str, **ids: str | int | None
    ) -> Self:
        """A dead letter for the record at (topic, partition, offset), now. Texts are cut: they come from anybody."""
        topic, partition, offset = coordinates
        return cls.model_validate(
            {
                "topic": topic,
                "partition": partition,
                "offset": offset,
                "code": code,
                "who_must_act": code.who_must_act,
                "cause": cause[:LONGEST_CAUSE],
                "service": service,
                "at": datetime.now(UTC),
                **{name: one[:LONGEST_ID] if isinstance(one, str) else one for name, one in ids.items()},
            }
        )

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Kafka headers, each field as text under `flows-<field>`."""
        fields = self.model_dump(mode="json", exclude_none=True)
        return [(PREFIX + name.replace("_", "-"), str(value).encode()) for name, value in fields.items()]

    @classmethod
    def from_headers(cls, headers: Sequence[tuple[str, bytes | None]]) -> Self:
        """The other way. Raises pydantic.ValidationError when the headers are not ours."""
        own = {
            name[len(PREFIX) :].replace("-", "_"): value.decode("utf-8", "replace")
            for name, value in headers
            if name.startswith(PREFIX) and value is not None
        }
        return cls.model_validate(own)
