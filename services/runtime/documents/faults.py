"""A fault in what people write: where it stands, what it is, what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FaultCode(StrEnum):
    """Every kind of fault that the loader and the checker report. Stands in `error[…]`, of `NOTES` in `note[…]`."""

    # The file
    FILE_UNREADABLE = "file_unreadable"  # not there, not UTF-8, too large
    YAML_INVALID = "yaml_invalid"  # not YAML
    YAML_TRAP = "yaml_trap"  # YAML, but not what the author means
    KEY_DUPLICATE = "key_duplicate"
    # The shape of a flow
    KEY_UNKNOWN = "key_unknown"
    KEY_MISSING = "key_missing"
    VALUE_INVALID = "value_invalid"  # a key of the language with a value that it does not take
    DURATION_INVALID = "duration_invalid"
    STEP_KIND = "step_kind"  # a step that is none or several of tool, action, if, …
    FLOW_DUPLICATE = "flow_duplicate"
    DEADLINE_PASSED = "deadline_passed"  # every call would be too late, or none can be
    LOOP_LIMIT = "loop_limit"  # more rounds of `for_each` than a run can have
    CYCLE = "cycle"  # flows that set each other off for ever
    # Names
    TRIGGER_UNKNOWN = "trigger_unknown"
    TOOL_UNKNOWN = "tool_unknown"
    ACTION_UNKNOWN = "action_unknown"
    CONNECTION_UNKNOWN = "connection_unknown"
    CONNECTION_MISSING = "connection_missing"
    ID_INVALID = "id_invalid"
    ID_DUPLICATE = "id_duplicate"
    # Inputs
    INPUT_MISSING = "input_missing"
    INPUT_UNEXPECTED = "input_unexpected"
    INPUT_TYPE = "input_type"
    INPUT_VALUE = "input_value"  # the right type, but not a value that the tool or action takes
    SECRET_IN_FLOW = "secret_in_flow"  # noqa: S105 - a name of a fault
    RETRY_UNSAFE = "retry_unsafe"  # a second call would be a second effect
    REPEAT_UNDECLARED = "repeat_undeclared"  # a note: not repeated, as nobody says that it may be
    # Expressions
    EXPRESSION_INVALID = "expression_invalid"
    EXPRESSION_TYPE = "expression_type"
    NAME_UNKNOWN = "name_unknown"
    FIELD_UNKNOWN = "field_unknown"
    FIELD_MAY_BE_ABSENT = "field_may_be_absent"
    PATTERN_INVALID = "pattern_invalid"
    CONDITION_CONSTANT = "condition_constant"  # always true, or always false
    # Order of steps
    STEP_NOT_RUN = "step_not_run"
    STEP_MAY_NOT_HAVE_RUN = "step_may_not_have_run"
    STEP_UNREACHABLE = "step_unreachable"
    # What must never be
    BUG = "bug"  # a mistake of ours, not of the flow


NOTES = frozenset({FaultCode.REPEAT_UNDECLARED})
"""What a flow may be deployed with: it says what will happen, and how to have it otherwise."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault. Lines and columns count from 1, columns in characters."""

    file: str
    line: int
    col: int
    code: FaultCode
    text: str

    @property
    def severity(self) -> str:
        """`error`, or `note`."""
        return "note" if self.code in NOTES else "error"

    def __str__(self) -> str:
        """`file:line:col: error[code]: text`."""
        return f"{self.file}:{self.line}:{self.col}: {self.severity}[{self.code}]: {self.text}"
