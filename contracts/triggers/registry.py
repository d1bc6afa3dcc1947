"""All triggers of the product, by name. A sources file declares more: services/flows/declared_triggers.py."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import contracts.triggers
from contracts.triggers.payload import Payload


def collect(package: ModuleType) -> dict[str, type[Payload]]:
    """The payload models of a package that name a trigger. Raises TypeError when two files name one."""
    found: dict[str, type[Payload]] = {}
    for info in pkgutil.iter_modules(package.__path__):
        if f"{package.__name__}.{info.name}" == __name__:
            continue
        for value in vars(importlib.import_module(f"{package.__name__}.{info.name}")).values():
            if not (isinstance(value, type) and issubclass(value, Payload) and "trigger" in vars(value)):
                continue
            if found.setdefault(value.trigger, value) is not value:
                raise TypeError(f"two triggers are named {value.trigger!r}")
    return dict(sorted(found.items()))


TRIGGERS: dict[str, type[Payload]] = collect(contracts.triggers)
