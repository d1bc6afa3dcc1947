"""All kinds of steps. A file declares its own as `KIND = step_kind(…)`, and is found here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from types import MappingProxyType, ModuleType
from typing import TypeVar

from services.flows.steps.kind import Step

S = TypeVar("S", bound=Step)
_kinds: dict[str, type[Step]] = {}


def kinds() -> Mapping[str, type[Step]]:
    """All kinds by their key, in order of rank."""
    return MappingProxyType(_kinds)


def step_kind(declared: type[S]) -> type[S]:
    """Declare a kind. Raises TypeError at import, with all that is wrong; mypy refuses one that says too little."""
    if faults := _faults(declared):
        raise TypeError(f"step kind {declared.__name__}: " + "; ".join(faults))
    return declared


@contextmanager
def known(*declared: type[Step]) -> Iterator[None]:
    """More kinds for a while: those of a test."""
    before = list(_kinds.values())
    _set([*before, *declared])
    try:
        yield
    finally:
        _set(before)


def collect(package: ModuleType) -> None:
    """The kinds of a package's modules are those that there are. Raises TypeError where two have one key."""
    modules = [
        importlib.import_module(f"{package.__name__}.{info.name}") for info in pkgutil.iter_modules(package.__path__)
    ]
    _set(module.KIND for module in modules if hasattr(module, "KIND"))


def _set(all_kinds: Iterable[type[Step]]) -> None:
    found: dict[str, type[Step]] = {}
    for each in sorted(all_kinds, key=lambda kind: (kind.rank, kind.kind)):
        if found.setdefault(each.kind, each) is not each:
            raise TypeError(f"two kinds of steps have the key `{each.kind}`")
    _kinds.clear()
    _kinds.update(found)


def _faults(declared: type[Step]) -> list[str]:
    """Why this is no kind: what is missing, misspelled, or taken."""
    missing = [name for name in ("kind", "rank", "keys") if not hasattr(declared, name)]
    missing += sorted(declared.__abstractmethods__)
    if missing:
        return [f"it has no {', '.join(f'`{name}`' for name in missing)}"]
    names = [key.name for key in declared.keys]
    faults = []
    if declared.kind not in names:
        faults.append(f"its own key `{declared.kind}` is not among its keys")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"two keys are named `{twice[0]}`")
    faults += [f"the key `{key.name}` has no help" for key in declared.keys if not key.help]
    if not is_dataclass(declared) or "__slots__" not in vars(declared):
        return [*faults, "it is no dataclass(frozen=True, slots=True)"]
    own = {*dir(Step), *Step.__annotations__, *(field.name for field in fields(declared))}
    # A name of other letters is none that a person misspelled: mutmut keeps changed methods beside the right ones.
    unknown = [name for name in vars(declared) if name.isascii() and not name.startswith("_") and name not in own]
    faults += [f"no step has {name!r}: misspelled, or private and then `_{name}`" for name in unknown]
    return faults
