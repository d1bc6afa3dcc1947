"""Why something did not work, and who must act. One closed set for metrics, dead letters and API answers.

Each code carries what follows from it, so that no caller decides again:

    ErrorCode.CALL_REFUSED.who_must_act  -> WhoMustAct.DESTINATION
    ErrorCode.CALL_REFUSED.retriable     -> True
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class WhoMustAct(StrEnum):
    """The person or system that can end an error."""

    SENDER = "sender"  # who sent the event: what its data cause holds nothing else, neither flow nor topic
    AUTHOR = "author"  # who wrote the flow
    OPERATOR = "operator"  # who runs this installation
    DESTINATION = "destination"  # who runs the called API
    NOBODY = "nobody"  # it is being retried


class CodeTable(StrEnum):
    """A set of codes, a row each: value, who must act, whether a later try may succeed, what it means."""

    who_must_act: WhoMustAct
    retriable: bool
    meaning: str

    def __new__(cls, value: str, who_must_act: WhoMustAct, retriable: bool, meaning: str) -> Self:  # noqa: FBT001 - table columns
        """One row of the table: value, who must act, whether a later try may succeed, what it means."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.who_must_act = who_must_act
        member.retriable = retriable
        member.meaning = meaning
        return member


class ErrorCode(CodeTable):
    """Every error of the product. The value is used as metric label, dead-letter header and API field alike."""

    # fmt: off
    # What arrives
    SOURCE_UNKNOWN = ("source_unknown", WhoMustAct.SENDER, False, "no such hook, or its token is wrong")
    UNAUTHENTICATED = ("unauthenticated", WhoMustAct.SENDER, False, "the sender did not prove who it is")
    REPLAYED = ("replayed", WhoMustAct.SENDER, False, "this signed request was taken before")
    METHOD_NOT_ALLOWED = ("method_not_allowed", WhoMustAct.SENDER, False, "the address does not take this method")
    MEDIA_UNSUPPORTED = ("media_unsupported", WhoMustAct.SENDER, False, "the body is of a kind that is not read here")
    BODY_TIMED_OUT = ("body_timed_out", WhoMustAct.SENDER, True, "the body did not come in time")
    BODY_CUT = ("body_cut", WhoMustAct.SENDER, True, "the connection ended before the body did")
    RATE_LIMITED = ("rate_limited", WhoMustAct.SENDER, True, "more requests a second than the source may send")
    EVENT_UNKNOWN = ("event_unknown", WhoMustAct.SENDER, False, "no end of an event with this id is known")
    DATABASE_UNAVAILABLE = ("database_unavailable", WhoMustAct.OPERATOR, True, "PostgreSQL did not answer in time")
    JSON_INVALID = ("json_invalid", WhoMustAct.SENDER, False, "the body is not JSON")
    SHAPE_INVALID = ("shape_invalid", WhoMustAct.SENDER, False, "the body is JSON of the wrong shape")
    BODY_TOO_LARGE = ("body_too_large", WhoMustAct.SENDER, False, "the body is over the limit of its source")
    EVENT_INVALID = ("event_invalid", WhoMustAct.SENDER, False, "the record is no event that the contract describes")
    KAFKA_UNAVAILABLE = ("kafka_unavailable", WhoMustAct.OPERATOR, True, "Kafka did not acknowledge in time")
    OVERLOADED = ("overloaded", WhoMustAct.OPERATOR, True, "more requests are in flight than the bound allows")
    # What a flow does
    FLOW_UNKNOWN = ("flow_unknown", WhoMustAct.OPERATOR, False, "the flow version of this run is not loaded")
    RUN_INVALID = ("run_invalid", WhoMustAct.OPERATOR, False, "the record is no run that the contract describes")
    EXPRESSION_FAILED = ("expression_failed", WhoMustAct.AUTHOR, False, "an expression could not be evaluated")
    INPUT_INVALID = ("input_invalid", WhoMustAct.AUTHOR, False, "a step got an input of the wrong type")
    TOOL_FAILED = ("tool_failed", WhoMustAct.AUTHOR, False, "a tool could not do its work with this input")
    SYNC_LOOP = ("sync_loop", WhoMustAct.AUTHOR, False, "an entity is changed back and forth: its changes are held")
    MESSAGE_TOO_LARGE = ("message_too_large", WhoMustAct.AUTHOR, False, "the message is over 900 KB")
    RECORD_UNREADABLE = ("record_unreadable", WhoMustAct.OPERATOR, False, "Kafka holds what no client can read")
    # What a call meets
    REQUEST_INVALID = ("request_invalid", WhoMustAct.OPERATOR, False, "the record is no action request of the contract")
    ACTION_UNKNOWN = ("action_unknown", WhoMustAct.OPERATOR, False, "this worker does not know the action")
    CONNECTION_UNKNOWN = ("connection_unknown", WhoMustAct.OPERATOR, False, "the connections file has no such one")
    EGRESS_DENIED = ("egress_denied", WhoMustAct.OPERATOR, False, "the address is not allowed as a destination")
    CALL_REFUSED = ("call_refused", WhoMustAct.DESTINATION, True, "no connection could be made: certainly not sent")
    CALL_TIMED_OUT = ("call_timed_out", WhoMustAct.DESTINATION, True, "no answer in time: the effect may have happened")
    CALL_INTERRUPTED = ("call_interrupted", WhoMustAct.DESTINATION, True, "it broke off: the effect may have happened")
    CALL_LOST = ("call_lost", WhoMustAct.OPERATOR, False, "a worker ended during the call: it may have been made")
    ANSWER_INVALID = ("answer_invalid", WhoMustAct.DESTINATION, False, "the answer is not what the action promises")
    DESTINATION_BUSY = ("destination_busy", WhoMustAct.DESTINATION, True, "HTTP 429 or 503: later")
    DESTINATION_FAILED = ("destination_failed", WhoMustAct.DESTINATION, True, "HTTP 5xx")
    CREDENTIALS_REFUSED = ("credentials_refused", WhoMustAct.OPERATOR, False, "HTTP 401 or 403: look at its secret")
    TOO_LATE = ("too_late", WhoMustAct.DESTINATION, False, "its `deadline` had passed before the call could be made")
    CALL_REJECTED = ("call_rejected", WhoMustAct.AUTHOR, False, "HTTP 4xx, or a body that says no")
    # What must never be
    BUG = ("bug", WhoMustAct.OPERATOR, False, "an error that nobody foresaw: report it")
    # fmt: on

    @property
    def effect_possible(self) -> bool:
        """Whether a call that ended so may have had its effect."""
        return self in _EFFECT_POSSIBLE


_EFFECT_POSSIBLE = frozenset(
    {ErrorCode.CALL_TIMED_OUT, ErrorCode.CALL_INTERRUPTED, ErrorCode.CALL_LOST, ErrorCode.ANSWER_INVALID}
)
