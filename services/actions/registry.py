"""All actions of the catalogue, by name."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from services.actions import catalog
from services.actions.action import Implementation
from services.flows.catalogue import Action


def collect(package: ModuleType) -> dict[str, Implementation]:
    """The actions of a package. Raises TypeError when two files declare one name."""
    found: dict[str, Implementation] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, Implementation):
                if value.signature.name in found:
                    raise TypeError(f"two actions are named {value.signature.name!r}")
                found[value.signature.name] = value
    return found


ACTIONS: dict[str, Implementation] = collect(catalog)
"""What this worker can do."""


def signatures() -> dict[str, Action]:
    """What the type checker needs to know of them."""
    return {name: one.signature for name, one in ACTIONS.items()}
