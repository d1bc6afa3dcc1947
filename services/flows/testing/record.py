"""Stories → expectations, as a test file writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.runs import Outcome
from services.flows.durations import shown
from services.flows.flow import Flow
from services.flows.testing.coverage import path_of
from services.flows.testing.story import Story


def recorded(flows: Mapping[str, Flow], stories: Sequence[Story]) -> Any:  # noqa: ANN401 - one map, or a list of them
    """The value of `expect` that is true of these stories."""
    made = [_run(flows, story) for story in stories]
    return made[0] if len(made) == 1 else made


def _run(flows: Mapping[str, Flow], story: Story) -> dict[str, Any]:
    said: dict[str, Any] = {"flow": story.flow} if len(flows) > 1 else {}
    if story.outcome is not None:
        said["outcome"] = story.outcome.value
    if story.code is not None:
        said["code"] = story.code.value
    if story.reason is not None and story.outcome is not Outcome.DELIVERED:
        said["reason"] = story.reason
    if story.after_seconds:
        said["after"] = shown(story.after_seconds)
    said["calls"] = [
        {
            "action": call.action,
            **({"connection": call.connection} if call.connection else {}),
            **({"after": shown(call.after_seconds)} if call.after_seconds else {}),
            "with": dict(call.inputs),
        }
        for call in story.calls
    ]
    if story.outputs:
        said["outputs"] = dict(story.outputs)
    said["path"] = path_of(flows[story.flow], story.trace)
    return said
