"""The ways that a run can take: names for the branches of each step, for tests, coverage and pictures."""

from __future__ import annotations

from collections.abc import Callable

from services.flows.syntax import ActionStep, Fallback, Flow, ForEachStep, IfStep, Step, SwitchStep, ToolStep, WaitStep
from services.flows.yaml_tree import Plain

WHEN = "when"
TRUE, FALSE = "true", "false"
THEN, ELSE = "then", "else"
DEFAULT = "default"
DONE, ON_ERROR = "done", "on_error"
DUE, CANCELLED = "due", "cancelled"

Trace = Callable[[str, str], object]
"""Told of each step that is begun (its path, ""), and of each way that is taken there (its path, the way)."""


def untraced(_path: str, _way: str) -> None:
    """The trace of those who do not want to know."""


def case_way(value: Plain) -> str:
    """The name of the way of a switch's case."""
    if isinstance(value, bool):
        return f"case {str(value).lower()}"
    return f"case {'null' if value is None else value}"


def ways_of(step: Step) -> tuple[str, ...]:
    """All ways that a step can be left by; none when there is only one."""
    if isinstance(step, IfStep):
        return (THEN, ELSE)
    if isinstance(step, SwitchStep):
        return (*(case_way(case.value.value) for case in step.cases), DEFAULT)
    if isinstance(step, ToolStep | ActionStep) and step.on_error is not Fallback.STOP:
        return (DONE, ON_ERROR)
    if isinstance(step, WaitStep) and step.cancel is not None:
        return (DUE, CANCELLED)
    return ()


def ways_of_flow(flow: Flow) -> tuple[str, ...]:
    """All ways of the filter on the trigger."""
    return (TRUE, FALSE) if flow.when is not None else ()


def kind_of(step: Step) -> str:
    """The key that says what a step does: `tool`, `action`, `if` and so on."""
    return "for_each" if isinstance(step, ForEachStep) else type(step).__name__.removesuffix("Step").lower()


def label_of(step: Step) -> str:
    """How a step is called for people: its id, else its kind and path."""
    if isinstance(step, ToolStep | ActionStep) and step.id is not None:
        return step.id.text
    return f"{kind_of(step)} {step.path}"
