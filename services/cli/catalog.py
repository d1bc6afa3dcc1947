"""`flows catalog`: what a flow may name."""

from __future__ import annotations

import json
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import BaseModel

from services.cli.terminal import CommandError, show

COLUMNS = ("kind", "name", "what", "twice")


def command(
    name: Annotated[str | None, Parameter(name="NAME")] = None,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """What a flow may name: triggers, tools, actions. With a name, all about that one.

    Parameters
    ----------
    name:
        A trigger, a tool or an action: shows its inputs and outputs as JSON Schema.
    as_json:
        Print a JSON array, with the schemas.
    """
    entries = _entries()
    if name is not None:
        chosen = [entry for entry in entries if entry["name"] == name]
        if not chosen:
            raise CommandError(f"nothing is named {name!r}. `flows catalog` lists what there is")
        print(json.dumps(chosen[0], ensure_ascii=False, indent=2, default=str))
        return
    show(entries, COLUMNS, as_json=as_json, empty="The catalogue is empty.")
    if not as_json:
        print("twice: what a second call of the same action does.   Inputs and outputs of one: flows catalog NAME")


def _entries() -> list[dict[str, Any]]:
    from services.cli.catalogue import catalogue  # noqa: PLC0415 - heavy, and only needed here

    found = catalogue()
    entries: list[dict[str, Any]] = [
        {"kind": "trigger", "name": name, "what": _first_line(model), "outputs": _schema(model)}
        for name, model in sorted(found.triggers.items())
    ]
    entries += [
        {
            "kind": "tool",
            "name": tool.name,
            "what": tool.line,
            "inputs": _schema(tool.inputs),
            "outputs": _schema(tool.outputs),
        }
        for tool in sorted(found.tools.values(), key=lambda tool: tool.name)
    ]
    entries += [
        {
            "kind": "action",
            "name": action.name,
            "what": action.line,
            "inputs": _schema(action.inputs),
            "outputs": _schema(action.outputs),
            "twice": action.guarantee.value,
            "needs_connection": action.needs_connection,
        }
        for action in sorted(found.actions.values(), key=lambda action: action.name)
    ]
    return entries


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(mode="serialization")
