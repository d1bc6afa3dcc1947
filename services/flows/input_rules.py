"""Rules over several inputs (pydantic's model validators), proved before the first run as far as the flow tells.

Each rule is tried on the values that stand in the flow. Values that come with an event are stood in for: a rule that
looks at one says nothing. So `email or mobile_number is needed` is found where neither is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from services.flows.catalogue import Action, Guarantee, ToolError


class _UnknownError(Exception):
    """A rule depends on a value that is not known yet."""


class Unknown:
    """Stands for a value that comes with an event. It is there; what it is cannot be asked."""

    def _asked(self, *_: object) -> NoReturn:
        raise _UnknownError

    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __getattr__ = __str__ = __repr__ = _asked
    __eq__ = __hash__ = __lt__ = __le__ = __gt__ = __ge__ = __add__ = __int__ = __float__ = __call__ = _asked


UNKNOWN = Unknown()


def guarantee_of(action: Action, given: Mapping[str, Any]) -> Guarantee:
    """What holds for a call with these inputs: what they say themselves (their method `guarantee`), if they do."""
    rule = getattr(action.inputs, "guarantee", None)
    if not callable(rule):
        return action.guarantee
    try:
        said = rule(_made(action.inputs, given))
    except Exception:  # noqa: BLE001 - it depends on what is not known
        return action.guarantee
    return said if isinstance(said, Guarantee) else action.guarantee


def verifiable(action: Action, given: Mapping[str, Any]) -> bool:
    """Whether the destination can be asked if such a call happened: the action can, and its inputs do not say no."""
    rule = getattr(action.inputs, "verifiable", None)
    if not action.verified or not callable(rule):
        return action.verified
    try:
        return bool(rule(_made(action.inputs, given)))
    except Exception:  # noqa: BLE001 - it depends on what is not known
        return True


def misplaced(action: Action, given: Mapping[str, Any], connection: str | None) -> str | None:
    """Why these inputs surely do not go with this connection, or without one: what they say (their `misplaced`)."""
    rule = getattr(action.inputs, "misplaced", None)
    if not callable(rule):
        return None
    try:
        rule(_made(action.inputs, given), connection)
    except ValueError as error:
        return str(error)
    except Exception:  # noqa: BLE001 - it depends on what is not known
        return None
    return None


def changes(action: Action, given: Mapping[str, Any]) -> bool:
    """Whether a call with these inputs can change something: what they say themselves (their method `changes`)."""
    rule = getattr(action.inputs, "changes", None)
    if not callable(rule):
        return True
    try:
        return bool(rule(_made(action.inputs, given)))
    except Exception:  # noqa: BLE001 - it depends on what is not known
        return True


def all_of(model: type[BaseModel], given: Mapping[str, Any], name: str) -> list[Any] | None:
    """All values that an output can have: what the inputs' method of this name says; None where it is not known."""
    try:
        return list(getattr(_made(model, given), name)())
    except Exception:  # noqa: BLE001 - it depends on what is not known
        return None


def _made(model: type[BaseModel], given: Mapping[str, Any]) -> BaseModel:
    """The inputs, not validated."""
    made = model.model_construct()
    made.__dict__.update(
        (own, given[name])
        for own, info in model.model_fields.items()
        for name in (info.validation_alias, info.alias, own)
        if isinstance(name, str) and name in given
    )
    return made


def broken_rules(model: type[BaseModel], given: Mapping[str, Any]) -> list[str]:
    """The rules that these inputs (by their names in flows; UNKNOWN for what is not known) surely break.

    Beside pydantic's, a model can have a method `hopeless`, which raises ValueError or ToolError for inputs that the
    tool can never work with, such as a wrong pattern. A text that begins with an input's name and a colon is about that
    input. It is asked before the first run only, of inputs as they stand in the flow: not validated, and UNKNOWN here
    and there.
    """
    validators = model.__pydantic_decorators__.model_validators.values()
    rules: list[Any] = [each.func for each in validators if each.info.mode == "after"]
    if (hopeless := getattr(model, "hopeless", None)) is not None:
        rules.append(hopeless)
    if not rules:
        return []
    made = _made(model, given)
    broken: list[str] = []
    for rule in rules:
        try:
            rule(made)
        except PydanticSerializationError:  # a ValueError, and what a stand-in cannot be is no mistake of the author
            continue
        except (ValueError, AssertionError, ToolError) as error:
            broken.append(str(error))
        except Exception:  # noqa: BLE001, S112 - a rule that trips over what is not known says nothing
            continue
    return broken
