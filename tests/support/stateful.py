"""Runs of one tool with state each, against memory, at a time that the test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.flows.catalogue import StopRun, Tool
from services.flows.needs import Need, Pause
from services.flows.run_tool import run_tool
from services.flows.state.cells import Asked
from services.flows.state.memory import InMemoryState

MORNING = 1_772_442_000.0  # Monday, 2026-03-02 09:00 UTC


@dataclass
class Runs:
    """Many runs, one memory."""

    memory: InMemoryState = field(default_factory=InMemoryState)
    now: float = MORNING
    account: str = "default"
    flow: str = "flow"
    done: int = 0

    def use(self, tool: Tool, run: str, **inputs: Any) -> dict[str, Any] | str | float:
        """The tool's outputs; the reason, when it ends the run; the moment, when the run waits until then."""
        answers: list[object] = []
        try:
            while True:
                result = run_tool(tool, tool.inputs.model_validate(inputs), answers)
                if not isinstance(result, Need):
                    return result.model_dump(mode="json")
                if isinstance(result, Pause):
                    if result.until > self.now:
                        return result.until
                    answers.append(None)
                    continue
                answers.append(self.ask(run, result, len(answers), tool.name))
        except StopRun as stop:
            return str(stop)

    def ask(self, run: str, need: Need[Any], ordinal: int = 0, step: str = "0") -> object:
        """The answer of one need. Raises the error in its place."""
        asked = Asked(self.account, self.flow, run, step, ordinal, need, self.done)
        (answer,) = self.memory.answer([asked], self.now)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def outputs(self, tool: Tool, run: str, **inputs: Any) -> dict[str, Any]:
        """The tool's outputs, when it must have some."""
        found = self.use(tool, run, **inputs)
        assert isinstance(found, dict), found
        return found
