"""What a test file says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from contracts.errors import ErrorCode
from contracts.runs import Outcome
from services.flows.durations import parse_duration

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When a case begins, if it does not say: a Monday morning."""

UNANSWERED = frozenset({ErrorCode.CALL_REFUSED, ErrorCode.CALL_TIMED_OUT, ErrorCode.CALL_INTERRUPTED})
"""What becomes of a request that has no answer: not sent, none in time, cut off."""


def _seconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _code(value: object) -> object:
    return {"code": value} if isinstance(value, str) else value


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


Duration = Annotated[float, BeforeValidator(_seconds)]


class SuitePart(BaseModel):
    """The base: a misspelled key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class GivenEvent(SuitePart):
    """An event that comes."""

    trigger: str | None = Field(default=None, description="absent: the flow's own, when it has one only")
    example: bool = Field(default=False, description="the trigger's example, with `data` over it")
    data: dict[str, Any] = Field(default_factory=dict, description="the payload, as the trigger's sender would send it")
    after: Duration | None = Field(default=None, description="so long after the event before, such as 2h")
    at: AwareDatetime | None = Field(default=None, description="when it comes; never before the event before")
    id: str | None = Field(default=None, description="the same id again is a duplicate")
    subject: str | None = Field(default=None, description="absent: what the payload says")
    account: str = "default"
    by_us: bool = Field(default=False, description="a call of another flow of ours made it: `trigger.by_us` is true")

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if self.after is not None and self.at is not None:
            raise ValueError("`after` and `at` both say when: keep one")
        return self


class Failure(SuitePart):
    """How a call failed for good, after all its attempts."""

    code: ErrorCode
    cause: str = "as the test says"


class ScriptedAnswer(SuitePart):
    """What an action gives, or what a destination answers to its HTTP request."""

    action: str | None = Field(default=None, description="only for calls of this action")
    connection: str | None = Field(default=None, description="only for calls through this connection")
    with_: Any = Field(default=None, alias="with", description="only for calls whose inputs are like this")
    outputs: dict[str, Any] | None = Field(default=None, description="what the action gives")
    error: Annotated[Failure, BeforeValidator(_code)] | None = Field(
        default=None, description="how it fails for good; with `http`: why that request has no answer"
    )
    http: str | None = Field(default=None, description="only for requests like this, such as `POST */contacts`")
    sent: Any = Field(default=None, description="only for requests whose JSON body is like this")
    status: int = Field(default=200, ge=100, le=599, description="the answer's HTTP status")
    headers: dict[str, str] = Field(default_factory=dict)
    json_: Any = Field(default=None, alias="json", description="the answer's body")
    text: str | None = Field(default=None, description="the answer's body, when it is not JSON")
    times: int | None = Field(default=None, ge=1, description="so often, then the next one that fits; absent: always")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [name for name in ("outputs", "error", "http") if getattr(self, name) is not None]
        cut = self.error is not None and self.http is not None and self.outputs is None
        if len(kinds) != 1 and not cut:
            raise ValueError("an answer has one of `outputs`, `error` and `http`, or `http` and `error`")
        if cut and self.error is not None and self.error.code not in UNANSWERED:
            raise ValueError(f"`error` of a request without an answer is one of {', '.join(sorted(UNANSWERED))}")
        if cut and (said := {"status", "headers", "json_", "text"} & self.model_fields_set):
            raise ValueError(f"`{min(said).rstrip('_')}` is of an answer, and `error` says that there is none")
        of_http = {"sent", "status", "headers", "json_", "text"} & self.model_fields_set
        if self.http is None and of_http:
            name = min(of_http).rstrip("_")
            raise ValueError(f"`{name}` belongs to an answer with `http`")
        if self.http is not None and len(self.http.split()) != 2:  # noqa: PLR2004 - a method and a path
            raise ValueError("`http` is a method and a path, such as `POST */contacts`; `*` stands for anything")
        return self


class ExpectedCall(SuitePart):
    """A call that the flow asks for: with exactly these inputs, or with inputs like these."""

    action: str
    connection: str | None = None
    with_: dict[str, Any] | None = Field(default=None, alias="with", description="exactly these inputs")
    like: dict[str, Any] | None = Field(default=None, description="at least these inputs; `*` stands for any text")
    after: Duration | None = Field(default=None, description="so long after the run's event")


class Expected(SuitePart):
    """What becomes of one run. What is absent is not compared."""

    flow: str | None = Field(default=None, description="which flow runs, where several do")
    outcome: Outcome | None = None
    reason: str | None = Field(default=None, description="`*` stands for any text")
    code: ErrorCode | None = None
    calls: list[ExpectedCall] | None = Field(default=None, description="all calls, in order")
    outputs: dict[str, Any] | None = Field(default=None, description="outputs of steps, at least these")
    path: list[str] | None = Field(default=None, description="all steps and ways, in order")
    after: Duration | None = Field(default=None, description="how long after its event the run ended")


class SuiteCase(SuitePart):
    """One story: events in, calls and outcomes out."""

    name: str = Field(min_length=1)
    start: AwareDatetime = START
    given: Annotated[list[GivenEvent], BeforeValidator(_listed)] = Field(min_length=1)
    answers: list[ScriptedAnswer] = Field(default_factory=list)
    vars: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="values of `vars` of flows.yaml, in place of those of the command"
    )
    expect: Annotated[list[Expected], BeforeValidator(_listed)] | None = Field(
        default=None, description="one a run, in the order in which they begin; absent: `flows test --record` writes it"
    )


class Suite(SuitePart):
    """A test file: cases for one flow."""

    flow: str | None = Field(default=None, description="absent: the flow of the file beside it, when it has one only")
    also: list[str] = Field(default_factory=list, description="flows beside it that run too, on the same state")
    answers: list[ScriptedAnswer] = Field(default_factory=list, description="for all cases, after their own")
    cases: list[SuiteCase] = Field(min_length=1)

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [case.name for case in self.cases]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two cases are named {twice[0]!r}")
        return self
