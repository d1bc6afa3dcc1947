"""`closum.yaml` of a project: where it is, what it says, and the actions with the types that it makes of them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, create_model

from services.actions.registry import ENDPOINTS, SHAPES
from services.closum import writing
from services.closum.endpoint import Basis, Endpoint
from services.closum.facts import NOTHING, WEBHOOKS, Facts, FactsError, load
from services.flows.catalogue import Action, BaseInputs
from services.project.errors import ProjectError
from services.project.places import facts_file
from services.runtime.documents.faults import Fault
from services.runtime.settings import SettingsError


def facts() -> Facts:
    """What the project's file says; without one: nothing. Raises ProjectError with every fault of it."""
    return read(facts_file())


def read(file: Path | None) -> Facts:
    """What a file says. Raises ProjectError with every fault of it."""
    try:
        return load(file, SHAPES)
    except SettingsError as error:
        raise ProjectError(str(error)) from None


def checked_facts() -> tuple[Facts, Sequence[Fault]]:
    """What the project's file says, or all that is wrong with it. Never raises but for `flows.yaml` itself."""
    try:
        return load(facts_file(), SHAPES), ()
    except FactsError as error:
        return NOTHING, error.faults


def known_facts() -> Facts:
    """The same for what can be shown without: nothing when the file is wrong."""
    with contextlib.suppress(ProjectError):
        return facts()
    return NOTHING


def typed(actions: Mapping[str, Action], known: Facts) -> dict[str, Action]:
    """The actions as this account has them: what it needs is needed, what it lacks is unknown, no id may be empty."""
    return {name: _typed(one, known) for name, one in actions.items()}


def _typed(action: Action, known: Facts) -> Action:
    row = known.actions.get(action.name)
    if row is None:
        return action
    action = replace(action, known=known.endpoint(action.name, ENDPOINTS[action.name]).known)
    needs, lacks = row.needs or frozenset(), row.lacks or frozenset()
    nothing = [name for name, theirs in (row.answer or {}).items() if theirs is None]
    inputs = action.inputs
    if needs or lacks:
        inputs = _with_inputs(inputs, needs, lacks)
    return replace(action, inputs=inputs, outputs=_may_be_empty(action.outputs, nothing))


def _with_inputs(model: type[BaseInputs], needs: frozenset[str], lacks: frozenset[str]) -> type[BaseInputs]:
    changed: dict[str, Any] = {
        name: (info.annotation, Field(description=info.description, json_schema_extra=info.json_schema_extra))
        for name, info in model.model_fields.items()
        if name in needs
    }
    made = create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **changed)
    for name in lacks & made.__pydantic_fields__.keys():
        del made.__pydantic_fields__[name]
        setattr(made, name, None)  # the model's own rules look at it
    made.model_rebuild(force=True)
    return made


def _may_be_empty(model: type[BaseModel], names: list[str]) -> type[BaseModel]:
    empty: dict[str, Any] = {
        name: (model.model_fields[name].annotation, Field(description=model.model_fields[name].description))
        for name in names
        if model.model_fields[name].json_schema_extra
    }
    if not empty:
        return model
    return create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **empty)


def known_rows() -> dict[str, Endpoint]:
    """The endpoint of each action, as this account has it. Raises ProjectError."""
    known = facts()
    return {name: known.endpoint(name, row) for name, row in ENDPOINTS.items()}


def known_webhooks() -> dict[str, tuple[Basis, str, str]]:
    """Where the form of each of Closum's webhooks is known from: basis, by, on. Raises ProjectError."""
    rows = facts().webhooks
    return {
        name: (row.known, row.by or "", str(row.on or ""))
        if (row := rows.get(name)) is not None
        else (Basis.ASSUMED, "", "")
        for name in WEBHOOKS
    }


def all_facts() -> dict[str, Any]:
    """Every fact with its default, as closum.yaml has it. Raises ProjectError."""
    rows = {
        name: writing.endpoint_row(row, SHAPES[name].inputs, SHAPES[name].outputs) for name, row in known_rows().items()
    }
    return writing.whole(facts(), rows)


def stand_in_facts() -> dict[str, Any]:
    """What the stand-in of Closum is told, so that it is as this account is. Raises ProjectError."""
    known = facts()
    written = all_facts()
    rows = {
        ENDPOINTS[name].path.strip("/"): {
            **written["actions"][name],
            "known_as": {ours: theirs for ours, theirs in ENDPOINTS[name].answer.items() if theirs},
        }
        for name in known.rows(ENDPOINTS)
    }
    key = None if known.key is None else known.key.model_dump(exclude_none=True)
    webhooks = {
        name: row.model_dump(mode="json", exclude_none=True) for name, row in known.webhooks.items() if row.says
    }
    return {"key": key, "rows": rows, "webhooks": webhooks}
