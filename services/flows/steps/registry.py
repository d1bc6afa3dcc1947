"""All kinds of steps: each declares itself at import."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import TypeVar

from services.flows.steps.kind import Step

S = TypeVar("S", bound=Step)
_kinds: dict[str, type[Step]] = {}


def kinds() -> Mapping[str, type[Step]]:
    """All kinds by their key, in order of rank."""
    return MappingProxyType(_kinds)


def step_kind(declared: type[S]) -> type[S]:
    """Add a kind. Raises TypeError, with all that is wrong with its declaration."""
    if faults := _faults(declared):
        raise TypeError(f"step kind {declared.__name__}: " + "; ".join(faults))
    _set({**_kinds, declared.kind: declared})
    return declared


@contextmanager
def known(declared: type[Step]) -> Iterator[None]:
    """A kind that is there for a while: that of a test."""
    before = dict(_kinds)
    step_kind(declared)
    try:
        yield
    finally:
        _set(before)


def collect(package: str) -> None:
    """Import all modules of a package, so that its kinds declare themselves."""
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        importlib.import_module(f"{package}.{info.name}")


def _set(all_kinds: Mapping[str, type[Step]]) -> None:
    ordered = sorted(all_kinds.items(), key=lambda pair: (pair[1].rank, pair[0]))
    _kinds.clear()
    _kinds.update(ordered)


def _faults(declared: type[Step]) -> list[str]:
    """Why this is no kind: what is missing, misspelled, or taken."""
    missing = [name for name in ("kind", "rank", "keys") if not hasattr(declared, name)]
    missing += sorted(declared.__abstractmethods__)
    if missing:
        return [f"it has no {', '.join(f'`{name}`' for name in missing)}"]
    names = [key.name for key in declared.keys]
    faults = []
    if declared.kind in _kinds:
        faults.append(f"there is a kind `{declared.kind}` already")
    if declared.kind not in names:
        faults.append(f"its own key `{declared.kind}` is not among its keys")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"two keys are named `{twice[0]}`")
    faults += [f"the key `{key.name}` has no help" for key in declared.keys if not key.help]
    if not is_dataclass(declared) or "__slots__" not in vars(declared):
        faults.append("it is no dataclass(frozen=True, slots=True)")
    own = {field.name for field in fields(declared)} if is_dataclass(declared) else set()
    known_names = {*dir(Step), *Step.__annotations__}
    unknown = [
        name for name in vars(declared) if not name.startswith("_") and name not in own and name not in known_names
    ]
    faults += [f"no step has a {name!r}: misspelled, or private and then `_{name}`" for name in unknown]
    return faults
