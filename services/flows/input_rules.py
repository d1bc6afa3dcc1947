"""What the inputs of a tool or an action say of themselves (BaseInputs), asked before the first run.

They are asked as they stand in the flow: a value that is right there has its type; one that comes with an event, is
missing or is wrong, which is reported elsewhere, is UNKNOWN. A rule that looks at such a one says nothing. So `email or
mobile_number is needed` is found where neither is given. Any other error of a rule is a mistake of ours.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from services.flows.catalogue import Action, BaseInputs, Guarantee, ToolError
from services.flows.fields import adapter_of, names_of_field
from services.flows.idempotency import IdempotencyKey
from services.flows.proved import Proved, proofs
from services.flows.unknown import UNKNOWN, PartlyKnown, UnknownError, UnknownValue

T = TypeVar("T")


class InputsBugError(Exception):
    """Inputs could not say what they shall: a mistake of ours. The text is for whoever reports it."""


def guarantee_of(action: Action, given: Mapping[str, Any], honoured: IdempotencyKey | None) -> Guarantee | None:
    """What holds for a call with these inputs: what they say themselves, if they do. None: it depends on an event.

    `honoured`: what its connection declares; None: nothing, or there is none.
    """
    return _answer(action.inputs, given, lambda made: made.guarantee(honoured) or action.guarantee)


def verifiable(action: Action, given: Mapping[str, Any]) -> bool:
    """Whether the destination can be asked if such a call happened: the action can, and its inputs do not say no."""
    return action.verified and _answer(action.inputs, given, lambda made: made.verifiable()) is not False


def misplaced(action: Action, given: Mapping[str, Any], connection: str | None) -> str | None:
    """Why these inputs surely do not go with this connection, or without one."""
    if action.inputs.misplaced is BaseInputs.misplaced:
        return None
    return _refusal(action.inputs, given, lambda made: made.misplaced(connection))


def changes(action: Action, given: Mapping[str, Any]) -> bool:
    """Whether a call with these inputs can change something."""
    return _answer(action.inputs, given, lambda made: made.can_change()) is not False


def possible(model: type[BaseInputs], given: Mapping[str, Any], output: str) -> list[Any] | None:
    """All values that an output can have, as the inputs say; None where they do not, or it is not known."""
    if model.possible is BaseInputs.possible:
        return None
    return _answer(model, given, lambda made: made.possible(output))


def broken_rules(model: type[BaseInputs], given: Mapping[str, Any]) -> list[str]:
    """The rules that these inputs (by their names in flows; UNKNOWN for what is not known) surely break.

    pydantic's model validators, and `hopeless`. A text that begins with an input's name and a colon is about it.
    """
    validators = model.__pydantic_decorators__.model_validators.values()
    rules: list[Any] = [each.func for each in validators if each.info.mode == "after"]
    if model.hopeless is not BaseInputs.hopeless:
        rules.append(model.hopeless)
    found = [_refusal(model, given, rule) for rule in rules]
    for own, info in model.model_fields.items():
        name = next((name for name in (*names_of_field(model, own), own) if name in given), None)
        if name is not None:
            found += [_unproved(model, given, own, name, proof) for proof in proofs(info)]
    return [text for text in found if text is not None]


def _unproved(model: type[BaseInputs], given: Mapping[str, Any], own: str, name: str, proof: Proved) -> str | None:
    """Why what stands in the flow can never work there."""
    value = _stated(model, given).__dict__.get(own)
    if _holds_unknown(value) or value is None or value == "":
        return None
    text = _refusal(model, given, lambda _: proof.check(value))
    return None if text is None else f"{name}: {text}"


def _refusal(model: type[BaseInputs], given: Mapping[str, Any], rule: Callable[[Any], object]) -> str | None:
    """Why a rule refuses these inputs; None where it does not, or it depends on what is not known."""

    def asked(made: BaseInputs) -> str | None:
        try:
            rule(made)
        except PydanticSerializationError:  # a ValueError too
            raise
        except (ValueError, AssertionError, ToolError) as error:
            return str(error)
        return None

    return _answer(model, given, asked)


def _answer(model: type[BaseInputs], given: Mapping[str, Any], ask: Callable[[Any], T]) -> T | None:
    """What these inputs answer; None where it depends on what is not known. Raises InputsBugError for all else."""
    try:
        return ask(_stated(model, given))
    except (UnknownError, PydanticSerializationError):  # the other: a stand-in cannot be dumped
        return None
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]  # not its text: a stand-in in it has none
        what = f"{type(error).__name__} in {at.name}, line {at.lineno} of {Path(at.filename).name}"
        text = f"the inputs of {model.__module__} could not be asked: {what}"
        raise InputsBugError(f"{text}. This is a mistake of closum-flows, not of the flow: report it") from error


def _stated(model: type[BaseInputs], given: Mapping[str, Any]) -> BaseInputs:
    """The inputs as the flow states them."""
    made = model.model_construct()
    for own, info in model.model_fields.items():
        name = next((name for name in (*names_of_field(model, own), own) if name in given), None)
        if name is not None:
            made.__dict__[own] = _typed(model, name, given[name])
        elif info.is_required():
            made.__dict__[own] = UNKNOWN
    return made


def _typed(model: type[BaseModel], name: str, value: Any) -> Any:  # noqa: ANN401 - JSON, with UNKNOWN in it
    """The value as the model has it. UNKNOWN where it is wrong; where a part is not known, the rest as it stands."""
    adapter = adapter_of(model, name)
    if isinstance(value, UnknownValue) or adapter is None:
        return UNKNOWN if adapter is None else value
    try:
        return adapter.validate_python(value)
    except UnknownError:
        return UNKNOWN
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)
        return _part(value) if all(isinstance(each["input"], UnknownValue) for each in wrong) else UNKNOWN
    except TypeError:
        if not _holds_unknown(value):
            raise
        return UNKNOWN  # a validator's library refused the stand-in by its type


def _holds_unknown(value: object) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, UnknownValue) or any(_holds_unknown(each) for each in inner)


def _part(value: Any) -> Any:  # noqa: ANN401 - JSON, with UNKNOWN in it
    if isinstance(value, dict):
        return PartlyKnown({name: _part(inner) for name, inner in value.items()})
    return [_part(item) for item in value] if isinstance(value, list) else value
