"""`tool`: apply a tool; its output takes the step's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import ValidationError

from contracts.errors import ErrorCode
from contracts.faults import first_faults
from contracts.runs import Wake
from services.flows.catalogue import Catalogue, Tool
from services.flows.check_values import ValueCheck
from services.flows.compile_values import compile_map
from services.flows.keys import TEXT, Key
from services.flows.lookup_tables import LOOKUP
from services.flows.needs import Need, Pause
from services.flows.nul_characters import without_nul
from services.flows.outcomes import Ask, End, Sleep
from services.flows.run_tool import run_tool
from services.flows.scope import Scope
from services.flows.shapes import Shape
from services.flows.steps.fallible import (
    ID,
    ON_ERROR_KEY,
    WITH,
    FallibleStep,
    read_id,
    read_inputs,
    read_on_error,
    unknown,
)
from services.flows.steps.kind import Description, StepCheck, StepCompiler, StepReader
from services.flows.steps.node import DONE, Execution, Node, StepFailedError
from services.flows.steps.registry import step_kind
from services.flows.syntax import Word
from services.flows.waiting import timer_id
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Tree

MOST_FAULTS = 5


@dataclass(frozen=True, slots=True)
class ToolStep(FallibleStep):
    """Apply a tool."""

    kind = "tool"
    rank = 10
    keys = (ID, Key("tool", "the tool's name", TEXT, required=True), WITH, ON_ERROR_KEY)

    tool: Word

    @classmethod
    def parse(cls, reader: StepReader, keys: Mapping[str, Tree], tree: MappingTree, path: str) -> Self | None:
        """None without the name of a tool. A `lookup` finds its table in a file beside the flow."""
        tool = reader.word(keys["tool"], "a tool's name")
        step_id, on_error = read_id(reader, keys), read_on_error(reader, keys, path)
        inputs = read_inputs(reader, keys, tree)
        if tool is None:
            return None
        if tool.text == LOOKUP:
            inputs = reader.tables.filled(inputs, keys.get("with"))
        return cls(path=path, location=tree.location, id=step_id, inputs=inputs, on_error=on_error, tool=tool)

    @classmethod
    def entries(cls, catalogue: Catalogue) -> Mapping[str, Tool]:
        """All tools."""
        return catalogue.tools

    def output_shape(self, check: ValueCheck) -> Shape:
        """As the tool declares it."""
        return self.entry_shape(check.catalogue.tools.get(self.tool.text), check)

    def check(self, check: StepCheck) -> None:
        """The tool, and what it is given."""
        known = check.catalogue
        tool = known.tools.get(self.tool.text)
        if tool is None:
            text = unknown(self.tool, "tool", known.tools, "action", known.actions)
            check.report(self.tool.location, FaultCode.TOOL_UNKNOWN, text)
        self.check_inputs(check, tool, self.tool)
        self.check_after(check)

    def compile(self, compiler: StepCompiler, following: Node | None) -> Node:
        """Raises KeyError for a tool that is not there."""
        name = self.id.text if self.id else None
        return ToolNode(
            self.path,
            name,
            compiler.tools[self.tool.text],
            compile_map(self.inputs, compiler.env),
            following,
            failing=compiler.failing(self.on_error, following, name),
        )

    def describe(self) -> Description:
        """Its name and inputs."""
        return Description(self.titled(self.tool.text), (*self.given_details(), *self.failure_details()))


@dataclass(frozen=True, slots=True)
class ToolNode(Node):
    """Apply a tool."""

    name: str | None
    tool: Tool
    inputs: Callable[[Scope], dict[str, Any]]
    following: Node | None

    def advance(self, execution: Execution) -> Node | Ask | Sleep | None:
        """Run the tool, as far as its needs are answered."""
        try:
            inputs = self.tool.inputs.model_validate(self.inputs(execution.scope))
        except ValidationError as error:
            raise StepFailedError(ErrorCode.INPUT_INVALID, _what_is_wrong(error)) from None
        answers = execution.answers
        result = run_tool(self.tool, inputs, answers)
        while isinstance(result, Pause):
            # By what the wake says and not by the clock: done again later, the step does the same.
            if execution.wake is None or result.until > execution.wake.due.timestamp():
                until = datetime.fromtimestamp(result.until, UTC)
                return Sleep(execution.run(), timer_id(execution.given.id, execution.at, repr(result.until)), until)
            answers = (*answers, None)
            result = run_tool(self.tool, inputs, answers)
        if isinstance(result, Need):
            return Ask(execution.run(), result, tuple(answers))
        if self.name is not None:
            dumped = result.model_dump(mode="json", by_alias=True, exclude_none=True)
            execution.outputs[self.name] = without_nul(dumped)
        if self.failing is not None:
            execution.trace(self.path, DONE)
        return self.following

    def woken(self, execution: Execution, wake: Wake) -> Node | End | None:
        """A tool that paused is done anew, and sees by the wake that its pause is over."""
        del execution, wake
        return self


def _what_is_wrong(error: ValidationError) -> str:
    """Which inputs, and why; never their values, which may be personal data."""
    wrong = first_faults(error, MOST_FAULTS)
    return "; ".join(f"`{'.'.join(str(part) for part in each['loc'])}`: {each['msg']}" for each in wrong)


KIND = step_kind(ToolStep)
