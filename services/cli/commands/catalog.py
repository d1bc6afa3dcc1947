"""`flows catalog`: what a flow may name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from services.cli.command import WRITE, declare
from services.cli.terminal import CommandError, console, show
from services.closum.endpoint import said
from services.runtime.documents.suggestion import nearest

if TYPE_CHECKING:
    from pydantic import BaseModel

COLUMNS = ("kind", "name", "what")
MORE = ("title", "basis", "twice")
WIDE = 120  # of a terminal: with fewer characters, more columns would leave a line's text no room
NOTES = """basis: confirmed (seen to work, or in Closum's own documents), documented, inferred, or assumed by us where
nothing is public; configured: closum.yaml says so, and not from where it knows (docs/closum.md).
twice: what a second call of the same action does.   All about one: flows catalog NAME"""
TWICE = {
    "repeatable": "repeatable, it harms nobody",
    "keyed": "keyed, the destination knows it by its Idempotency-Key",
    "at_most_once": "at_most_once, it would be a second effect and is not made",
}
command = declare("catalog", WRITE)


@command.default
def show_catalog(
    name: Annotated[str | None, Parameter(name="NAME")] = None,
    *,
    kind: Literal["trigger", "tool", "action"] | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """What a flow may name: triggers, tools, actions. With a name, all about that one: its types, an example.

    Parameters
    ----------
    name:
        A trigger, a tool or an action.
    kind:
        Only these.
    as_json:
        Print JSON, with inputs and outputs as JSON Schema.
    """
    entries = [entry for entry in _entries() if kind in (None, entry["kind"])]
    if name is None:
        rows = [{key: value for key, value in entry.items() if key != "fields"} for entry in entries]
        wide = console().width >= WIDE
        show(rows, COLUMNS + MORE * wide, as_json=as_json, empty="The catalogue is empty.")
        if not as_json:
            print(NOTES if wide else "All about one: flows catalog NAME")
        return
    chosen = next((entry for entry in entries if entry["name"] == name), None)
    if chosen is None:
        near = nearest(name, [entry["name"] for entry in entries])
        meant = f"did you mean {near!r}? " if near else ""
        raise CommandError(f"nothing is named {name!r}. {meant}`flows catalog` lists what there is")
    if as_json:
        told = {key: value for key, value in chosen.items() if key != "fields"}
        print(json.dumps(told, ensure_ascii=False, indent=2, default=str))
    else:
        console().print("\n".join(_page(chosen)), soft_wrap=True)


def _page(entry: dict[str, Any]) -> Iterator[str]:
    """All about one, for people."""
    yield f"{entry['kind']} {entry['name']}: {entry['what']}"
    for key, text in (
        ("title", "in Closum's catalogue: {}"),
        ("group", "under: {}"),
        ("known", "{} (docs/closum.md)"),
        ("call", "calls: {}"),
        ("twice", "a second call: {}"),
    ):
        if entry.get(key):
            yield text.format(TWICE.get(entry[key], entry[key]))
    for title, fields in entry["fields"].items():
        yield ""
        yield f"{title}:"
        width = max((len(name) for name, *_ in fields), default=0)
        for field, shape, more in fields:
            yield f"  {field:<{width}}  {shape}" + (f": {more}" if more else "")
    for example in entry.get("examples", ()):
        yield ""
        yield f"Example: {example['says']}"
        yield f"  with {json.dumps(example['inputs'], ensure_ascii=False, default=str)}"
        yield f"  gives {json.dumps(example['outputs'], ensure_ascii=False, default=str)}"
    if entry["kind"] == "action":
        yield ""
        yield "A step begins so:"
        yield f"  - action: {entry['name']}"
        if entry["needs_connection"] or entry["name"] == "http.request":
            yield "    connection:  # a name of the connections file"
        yield "    with:"
        yield from (
            f"      {field}:  # {shape}"
            for field, shape, more in entry["fields"]["with"]
            if "needed" in more.split("; ")
        )
    if entry["kind"] == "trigger" and entry.get("example"):
        yield ""
        yield f"Example: {json.dumps(entry['example'], ensure_ascii=False)}"


def _entries() -> list[dict[str, Any]]:
    from services.project.catalogue import catalogue  # noqa: PLC0415 - heavy, and only needed here
    from services.project.closum_facts import known_rows, known_webhooks  # noqa: PLC0415

    found, rows, hooks = catalogue(), known_rows(), known_webhooks()
    entries: list[dict[str, Any]] = [
        {
            "kind": "trigger",
            "name": name,
            "what": _first_line(model),
            "title": getattr(model, "title", ""),
            "basis": hooks[name][0].value if name in hooks else None,
            "known": said(*hooks[name]) if name in hooks else None,
            "outputs": _schema(model),
            "example": getattr(model, "example", None),
            "fields": {"trigger": _fields(model, "serialization")},
        }
        for name, model in sorted(found.triggers.items())
    ]
    entries += [
        {
            "kind": "tool",
            "name": tool.name,
            "what": tool.line,
            "group": tool.group.value,
            "inputs": _schema(tool.inputs),
            "outputs": _schema(tool.outputs),
            "examples": [
                {"says": one.says, "inputs": dict(one.inputs), "outputs": dict(one.outputs)} for one in tool.examples
            ],
            "fields": {"with": _fields(tool.inputs, "validation"), "gives": _fields(tool.outputs, "serialization")},
        }
        for tool in sorted(found.tools.values(), key=lambda tool: tool.name)
    ]
    entries += [
        {
            "kind": "action",
            "name": action.name,
            "what": action.line,
            "title": action.title,
            "group": action.group.value,
            "basis": rows[action.name].basis.value if action.name in rows else None,
            "known": rows[action.name].known if action.name in rows else None,
            "call": f"{rows[action.name].method} {rows[action.name].path}" if action.name in rows else None,
            "inputs": _schema(action.inputs),
            "outputs": _schema(action.outputs),
            "twice": action.guarantee.value,
            "needs_connection": action.needs_connection,
            "fields": {"with": _fields(action.inputs, "validation"), "gives": _fields(action.outputs, "serialization")},
        }
        for action in sorted(found.actions.values(), key=lambda action: action.name)
    ]
    return entries


def _fields(model: type[BaseModel], mode: Literal["validation", "serialization"]) -> list[tuple[str, str, str]]:
    """Name, type in words, and what else there is to say."""
    from services.flows.shapes import Shapes  # noqa: PLC0415 - heavy, and only needed here

    shapes = Shapes()
    fields = shapes.fields(shapes.of_model(model, mode, "it"))
    schema = model.model_json_schema(mode=mode).get("properties", {})
    rows = []
    for name, field in fields.items():
        said = schema.get(name, {})
        named = ", ".join(value or "empty" for value in field.shape.values or ())
        values = f", one of {named}" if named else ""
        more = [str(said["description"])] if said.get("description") else []
        if mode == "validation":
            default = said.get("default")
            known = "" if default in (None, "", [], {}) else f", {json.dumps(default, ensure_ascii=False)} if not given"
            more.append("needed" if field.required else f"not needed{known}")
        elif field.maybe:
            more.append("may be absent")
        rows.append((name, f"{field.shape}{values}", "; ".join(more)))
    return rows


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(mode="serialization")
