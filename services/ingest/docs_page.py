"""`GET /docs`: the OpenAPI document as a page that people read. Nothing is loaded from elsewhere, no script runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from pydantic import AliasChoices

from contracts.triggers.payload import Payload
from services.ingest.openapi import shown

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; } h3 { margin-top: 2rem; } code, pre { font: 14px/1.5 ui-monospace, monospace; }
pre { background: #f4f4f4; color: #111; padding: .75rem; overflow-x: auto; }
nav li { display: inline; margin-right: 1rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; }
td, th { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ccc; }
"""
METHODS = ("get", "post", "options")
Json = Mapping[str, Any]


def html(document: Json, triggers: Mapping[str, type[Payload]]) -> str:
    """The page for this document and these triggers. Everything in it is escaped: sources files name and describe."""
    title = escape(document["info"]["title"])
    operations = [
        (path, method, item[method], item.get("parameters", []))
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>',
            f"<h1>{title} {escape(document['info']['version'])}</h1>",
            f"<p>{escape(document['info']['description'])}</p>",
            '<p>For programs: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>',
            "<h2>Addresses</h2>",
            *(_operation(*operation) for operation in operations),
            "<h2>Triggers</h2>",
            "<nav><ul>",
            *(f'<li><a href="#{escape(name)}">{escape(name)}</a></li>' for name in sorted(triggers)),
            "</ul></nav>",
            *(_trigger(name, model) for name, model in sorted(triggers.items())),
            "</body></html>",
        ]
    )


def _operation(path: str, method: str, operation: Json, shared: list[Json]) -> str:
    parameters = [*shared, *operation.get("parameters", [])]
    kinds = ", ".join(operation.get("requestBody", {}).get("content", {}))
    bearer = "<p>With <code>Authorization: Bearer TOKEN</code>.</p>" if operation.get("security") else ""
    answers = [(status, answer["description"]) for status, answer in sorted(operation["responses"].items())]
    named = [(f"{one['name']} ({one['in']})", one.get("description", "")) for one in parameters]
    return "".join(
        [
            f"<h3>{method.upper()} <code>{escape(path)}</code></h3><p>{escape(operation['summary'])}.</p>",
            f"<p>{escape(operation['description'])}</p>" if "description" in operation else "",
            bearer,
            f"<p>The body is <code>{escape(kinds)}</code>.</p>" if kinds else "",
            _table(("parameter", "what"), named) if named else "",
            _table(("answer", "when"), answers),
        ]
    )


def _trigger(name: str, model: type[Payload]) -> str:
    schema = model.model_json_schema()
    needed = schema.get("required", [])
    spellings = _spellings(model)
    fields = [
        (
            field,
            _type(part) + (", needed" if field in needed else ""),
            "; ".join(filter(None, [part.get("description", ""), _also(spellings.get(field, ()))])),
        )
        for field, part in schema.get("properties", {}).items()
    ]
    about = str(schema.get("description") or model.__doc__ or "").split("\n", 1)[0]
    example = json.dumps(shown(model), ensure_ascii=False, indent=2)
    return "".join(
        [
            f'<h3 id="{escape(name)}"><code>{escape(name)}</code></h3><p>{escape(about)}</p>',
            _table(("field", "type", "what"), fields) if fields else "",
            f"<pre>{escape(example)}</pre>",
        ]
    )


def _spellings(model: type[Payload]) -> dict[str, tuple[str, ...]]:
    found = {}
    for info in model.model_fields.values():
        if isinstance(info.validation_alias, AliasChoices):
            first, *others = (choice for choice in info.validation_alias.choices if isinstance(choice, str))
            found[first] = tuple(others)
    return found


def _also(names: Iterable[str]) -> str:
    return f"also as {', '.join(names)}" if names else ""


def _type(part: Json) -> str:
    if "anyOf" in part:
        return " or ".join(_type(one) for one in part["anyOf"])
    if "$ref" in part:
        return "object"
    kind = part.get("type", "any")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if text == "array" and isinstance(part.get("items"), dict):
        return f"list of {_type(part['items'])}"
    return f"{text} ({part['format']})" if "format" in part else text


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return "<table><tr>" + "".join(f"<th>{name}</th>" for name in head) + f"</tr>{cells}</table>"
