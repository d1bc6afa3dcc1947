"""What a flow may name: triggers, tools, actions, each with typed inputs and outputs. A value; users compose it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from services.flows.idempotency import IdempotencyKey
from services.runtime.documents.suggestion import suggestion

Model = TypeVar("Model", bound=BaseModel)


class ToolError(Exception):
    """A tool cannot do its work with this input. The text is for the flow's author."""


class StopRun(Exception):  # noqa: N818 - no error: the run ends as filtered
    """A tool ends the run, as the step `stop` does. The text is the reason that history shows."""


class Guarantee(StrEnum):
    """What happens when an action's call is made twice: decides whether a call of unknown outcome is repeated."""

    REPEATABLE = "repeatable"  # a second call changes nothing more, or nothing that anybody would mind
    KEYED = "keyed"  # the destination knows a repetition by its Idempotency-Key
    AT_MOST_ONCE = "at_most_once"  # a second call is a second effect


class BaseInputs(BaseModel):
    """What a tool or an action takes, and what it says of itself beyond its types. Its `Inputs` are one of these.

    A file overrides what it needs, with `@override`. Rules are asked when a flow is checked too, of the inputs as they
    stand in it: what comes with an event is UNKNOWN then, and ends the rule that looks at it (services/flows/unknown).
    Other methods are refused: nobody would call them. What a file needs for itself is a function, or begins with `_`.
    """

    def hopeless(self) -> None:
        """Raises ValueError or ToolError for inputs that can never work, such as a wrong pattern."""

    def possible(self, output: str) -> list[Any] | None:
        """All values that this output can have; None: any of its type."""
        del output
        return None

    def guarantee(self, honoured: IdempotencyKey | None) -> Guarantee | None:
        """What holds for a call with these inputs; None: what the action declares.

        `honoured`: what the call's connection declares; None: it declares nothing, or there is none.
        """
        del honoured
        return None

    def verifiable(self) -> bool:
        """Whether the destination can be asked if this call happened, where the action can ask."""
        return True

    def misplaced(self, connection: str | None) -> None:
        """Raises ValueError where these do not go with this connection, or without one."""

    def can_change(self) -> bool:
        """Whether this call can change something."""
        return True


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
    inputs: type[BaseInputs]
    outputs: type[BaseModel]
    run: Callable[[Any], Coroutine[Any, Any, BaseModel]]
    examples: tuple[Example, ...] = ()
    group: Group = Group.OTHER


@dataclass(frozen=True, slots=True)
class Action:
    """An action's signature: what services/actions will be asked for."""

    name: str
    line: str
    inputs: type[BaseInputs]
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
    known: str = ""
    """Where it is known from that its API is so: `assumed`, `confirmed by …`; empty: that is its author's business."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All names that flows may use."""

    triggers: dict[str, type[BaseModel]]
    tools: dict[str, Tool] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)


def declared(what: str, function: Callable[..., object]) -> tuple[str, type[BaseInputs], type[BaseModel]]:
    """The catalogue line, `Inputs` and `Outputs` of a component's file. TypeError names all that is missing."""
    inputs, outputs = _model(function, "Inputs", BaseInputs), _model(function, "Outputs", BaseModel)
    line = (function.__doc__ or "").strip().split("\n")[0]
    faults = list(_unknown_rules(inputs)) if inputs is not None else ["the file has no model `Inputs` on BaseInputs"]
    if outputs is None:
        faults.append("the file has no model `Outputs`")
    if not line:
        faults.append("the function has no docstring: its first line is the catalogue line")
    if faults or inputs is None or outputs is None:
        raise TypeError(f"{what}: " + "; ".join(faults))
    return line, inputs, outputs


def _model(function: Callable[..., object], name: str, base: type[Model]) -> type[Model] | None:
    found = function.__globals__.get(name)
    return found if isinstance(found, type) and issubclass(found, base) else None


def _unknown_rules(model: type[BaseInputs]) -> Iterator[str]:
    """The public methods that nobody would call, and the inputs that hide a rule."""
    rules = [name for name in vars(BaseInputs) if not name.startswith(("_", "model_"))]
    for name in model.model_fields:
        if name in rules:
            yield f"the input {name!r} hides the rule of that name: give it another one, with an alias"
    validators = model.__pydantic_decorators__
    known = {*rules, *validators.field_validators, *validators.model_validators, *model.model_fields}
    for owner in model.__mro__[: model.__mro__.index(BaseInputs)]:
        for name, value in vars(owner).items():
            method = callable(value) or isinstance(value, property | classmethod | staticmethod)
            if method and not name.startswith("_") and name not in known and not isinstance(value, type):
                near = suggestion(name, rules)
                yield f"nobody calls {name!r} of `{owner.__name__}`: {near} What helps the file itself begins with `_`"


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
