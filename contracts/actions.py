"""What services/tools asks of services/actions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from contracts.events import partition_key
from contracts.message import TEN_YEARS, Message, Moment, Seconds
from contracts.runs import Run

MOST_WAITS = 99
LONGEST_WAIT_SECONDS = 259_200.0  # three days: the journal remembers an effect for longer


class Retry(Message):
    """How often and how long a failing call is tried again: after ever longer waits, or after those of a schedule.

    A schedule says how often by its length; where no time is given beside it, it alone is the end.
    """

    attempts: int = Field(default=5, ge=1, le=100)
    within_seconds: Seconds = 60.0
    schedule_seconds: list[Annotated[float, Field(gt=0, le=LONGEST_WAIT_SECONDS)]] | None = Field(
        default=None,
        min_length=1,
        max_length=MOST_WAITS,
        description="the wait before the second attempt, before the third, and so on; absent: exponential, full jitter",
    )

    @model_validator(mode="before")
    @classmethod
    def _by_schedule(cls, given: Any) -> Any:  # noqa: ANN401 - as pydantic hands it over
        if isinstance(given, dict) and isinstance(waits := given.get("schedule_seconds"), list | tuple):
            return {"within_seconds": TEN_YEARS, **given, "attempts": min(len(waits), MOST_WAITS) + 1}
        return given


class Priority(StrEnum):
    """How much of a connection a flow gets while others wait for it too."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class ActionRequest(Message):
    """A record of the topic `actions`: make this call, then send the run on.

    `effect_id` is the same on every replay of the run and is the call's key, where its destination recognises one.
    """

    effect_id: str = Field(description="blake2b-128 of run and step path: the same on every replay")
    action: str
    connection: str | None = None
    inputs: dict[str, Any]
    retry: Retry = Retry()
    timeout_seconds: Seconds | None = Field(default=None, description="whole time of one call; absent: the setting")
    step: str = Field(description="path of the step in the flow, such as `2` or `1.then.0`")
    name: str | None = Field(default=None, description="id of the step: the name of its output")
    last: bool = Field(default=False, description="nothing comes after: the run is delivered when the call is done")
    priority: Priority = Field(
        default=Priority.NORMAL, description="its flow's share where many wait for one connection"
    )
    resume_on_error: bool = Field(
        default=False, description="a final failure goes back to the run as an answer instead of to actions.dlq"
    )
    deadline: Moment | None = Field(
        default=None, description="from then on the call is not made any more; absent: it has time"
    )
    resume_on_deadline: bool | None = Field(
        default=None, description="a call that is too late goes back to the run as an answer; absent: it ends the run"
    )
    run: Run
    requested: Moment

    @property
    def key(self) -> bytes:
        """The Kafka key: what concerns one subject stays in order."""
        return partition_key(self.run.event.account, self.run.key)

    def too_late(self, wall: float) -> str | None:
        """Why the call is not made any more at a moment, in seconds since 1970; None while it has time."""
        if self.deadline is None or wall < self.deadline.timestamp():
            return None
        return f"too late: it was to be made before {self.deadline.isoformat(timespec='seconds')}"

    @property
    def lane(self) -> tuple[str, str, str]:
        """What must happen one after the other: (account, subject, connection)."""
        return (self.run.event.account, self.run.key, self.connection or "")
