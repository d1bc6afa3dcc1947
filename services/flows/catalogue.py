"""What a flow may name: triggers, tools, actions, each with typed inputs and outputs. A value; users compose it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError


class ToolError(Exception):
    """A tool cannot do its work with this input. The text is for the flow's author."""


class StopRun(Exception):  # noqa: N818 - no error: the run ends as filtered
    """A tool ends the run, as the step `stop` does. The text is the reason that history shows."""


class Guarantee(StrEnum):
    """What happens when an action's call is made twice: decides whether a call of unknown outcome is repeated."""

    REPEATABLE = "repeatable"  # the second call changes nothing more
    KEYED = "keyed"  # the destination honours Idempotency-Key
    AT_MOST_ONCE = "at_most_once"  # a second call is a second effect


class Group(StrEnum):
    """What a tool or an action is for, in the words and the order of Closum's own catalogue; the last two are ours."""

    LEADS = "Lead Management"
    COMMUNICATION = "Communication"
    CONTACTS = "Contact Management"
    OTHER = "Other"
    PHONES = "Format phone numbers"
    JSON = "Parse JSON from external APIs"
    CONDITIONS = "Apply conditions"
    DISTRIBUTE = "Distribute leads across teams"
    DELAY = "Delay between channels"
    PARSE = "Parse and structure data"
    FORMAT = "Format data"
    VALIDATE = "Validate, enrich, normalise"
    DUPLICATES = "Avoid lead duplication"
    VALUES = "Keep values"
    SYNC = "Keep systems in sync"


@dataclass(frozen=True, slots=True)
class Example:
    """One use of a component, which a test runs: what it shows, the inputs, those outputs worth showing."""

    says: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: pure, total but for ToolError.

    What it needs from outside (a claim, a turn, a stored value) it awaits as a `services.flows.needs.Need`.
    """

    name: str
    line: str
    inputs: type[BaseModel]
    outputs: type[BaseModel]
    run: Callable[[Any], Coroutine[Any, Any, BaseModel]]
    examples: tuple[Example, ...] = ()
    group: Group = Group.OTHER


@dataclass(frozen=True, slots=True)
class Action:
    """An action's signature: what services/actions will be asked for."""

    name: str
    line: str
    inputs: type[BaseModel]
    outputs: type[BaseModel]
    guarantee: Guarantee = Guarantee.AT_MOST_ONCE
    needs_connection: bool = True
    # The triggers that this action can set off, because the destination tells us what changes in it. In
    # `webhook.{system}` stands the connection's name, or the `system` of the step's `writes`.
    raises: tuple[str, ...] = ()
    # Whether the destination can be asked if a call happened; its inputs may say more (`verifiable`).
    verified: bool = False
    title: str = ""
    """The name that Closum's own catalogue gives it, such as `Lead: Add Lead`."""
    group: Group = Group.OTHER
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All names that flows may use."""

    triggers: dict[str, type[BaseModel]]
    tools: dict[str, Tool] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)


def declared(what: str, function: Callable[..., object]) -> tuple[str, type[BaseModel], type[BaseModel]]:
    """The catalogue line, `Inputs` and `Outputs` of a component's file. TypeError names all that is missing."""
    faults = []
    models: dict[str, type[BaseModel]] = {}
    for name in ("Inputs", "Outputs"):
        model = function.__globals__.get(name)
        if isinstance(model, type) and issubclass(model, BaseModel):
            models[name] = model
        else:
            faults.append(f"the file has no model `{name}`")
    line = (function.__doc__ or "").strip().split("\n")[0]
    if not line:
        faults.append("the function has no docstring: its first line is the catalogue line")
    if faults:
        raise TypeError(f"{what}: " + "; ".join(faults))
    return line, models["Inputs"], models["Outputs"]


def faults_of(example: Example, inputs: type[BaseModel], outputs: type[BaseModel]) -> list[str]:
    """What is wrong with an example's names and values. Whether its outputs are true is a test's business."""
    named = {info.alias or name for name, info in inputs.model_fields.items()}
    faults = [f"example {example.says!r}: no input {name!r}" for name in example.inputs if name not in named]
    faults += [
        f"example {example.says!r}: no output {name!r}" for name in example.outputs if name not in outputs.model_fields
    ]
    try:
        inputs.model_validate(dict(example.inputs))
    except ValidationError as error:
        faults += [
            f"example {example.says!r}: input {'.'.join(map(str, fault['loc']))!r}: {fault['msg']}"
            for fault in error.errors()
        ]
    return faults


def tool(
    name: str, *, group: Group = Group.OTHER, examples: Sequence[Example] = ()
) -> Callable[[Callable[[Any], Coroutine[Any, Any, Any]]], Tool]:
    """Declare a tool: `Inputs`, `Outputs` and one async function, in one file.

    The docstring's first line is its catalogue line. Raises TypeError at import, with all that is wrong:
    no docstring, a missing model, an example that does not fit the models.
    """

    def declare(function: Callable[[Any], Coroutine[Any, Any, Any]]) -> Tool:
        line, inputs, outputs = declared(f"tool {name!r}", function)
        faults = [fault for example in examples for fault in faults_of(example, inputs, outputs)]
        if faults:
            raise TypeError(f"tool {name!r}: " + "; ".join(faults))
        return Tool(name, line, inputs, outputs, function, tuple(examples), group)

    return declare


def collect(package: ModuleType) -> dict[str, Tool]:
    """The tools of a catalogue package, by name. Raises TypeError when two files declare one name."""
    found: dict[str, Tool] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, Tool):
                if value.name in found:
                    raise TypeError(f"two tools are named {value.name!r}")
                found[value.name] = value
    return found
