"""All actions of the catalogue, by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType

from contracts.writes import Sets
from services.actions import catalog
from services.actions.action import Implementation
from services.closum.endpoint import Endpoint
from services.closum.shapes import ActionShape
from services.flows.catalogue import Action


def collect(package: ModuleType) -> dict[str, Implementation]:
    """The actions of a package. Raises TypeError when two files declare one name."""
    found: dict[str, Implementation] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, Implementation) and value.run.__module__ == module.__name__:
                if value.name in found:
                    raise TypeError(f"two actions are named {value.name!r}")
                found[value.name] = value
    return found


ACTIONS: dict[str, Implementation] = collect(catalog)
"""What this worker can do."""


ENDPOINTS: dict[str, Endpoint] = {name: one.endpoint for name, one in ACTIONS.items() if one.endpoint is not None}
"""What they call, by action, where it is one endpoint. A connection may correct a row."""


SHAPES: dict[str, ActionShape] = {name: ACTIONS[name].shape for name in ENDPOINTS}
"""What each of them takes and gives, for the rows of closum.yaml."""


def writes_of(actions: Mapping[str, Implementation]) -> dict[str, Sets]:
    """What they set and make, for those that declare it."""
    return {name: one.writes for name, one in sorted(actions.items()) if one.writes is not None}


def signatures() -> dict[str, Action]:
    """What the type checker needs to know of them."""
    return {name: one.signature for name, one in ACTIONS.items()}


def shown_answers(actions: Mapping[str, Implementation]) -> dict[str, dict[str, object]]:
    """What each endpoint answers by its action's first example, by path: so a stand-in knows an action at once."""
    return {
        one.endpoint.path: {one.endpoint.answer.get(name) or name: value for name, value in outputs.items()}
        for one in actions.values()
        if one.endpoint is not None
        for outputs in (one.signature.examples[0].outputs,)
    }
