"""Pages of docs/reference: every trigger, setting, metric and error code, from their declarations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from ruamel.yaml import YAML

from contracts.errors import CodeTable, ErrorCode
from contracts.triggers.payload import Payload
from contracts.triggers.registry import TRIGGERS
from services.project.declarations import FAMILIES, SETTINGS
from services.runtime import settings
from services.runtime.metrics import Family
from services.runtime.settings import Setting

FOLDER = "docs/reference"
MADE = "<!-- made by `make schemas` from the declarations -->"
Shown = Mapping[str, tuple[str, ...]]
"""By a metric's name: the panels and alerts that show it."""


def pages(root: Path) -> dict[str, str]:
    """Every page: its path from the root, and its text."""
    texts = {
        "triggers": triggers_page(TRIGGERS.values()),
        "settings": settings_page(settings.declared(SETTINGS)),
        "metrics": metrics_page(FAMILIES, shown(root)),
        "errors": errors_page(ErrorCode),
    }
    return {f"{FOLDER}/{name}.md": text for name, text in texts.items()}


def triggers_page(triggers: Iterable[type[Payload]]) -> str:
    """What each is, which fields flows see, and what makes a redelivery a duplicate."""
    about = (
        "A flow names a trigger under `on`, and sees its fields as `trigger`. `flows catalog NAME` shows an example. "
        "A sources file declares more ([sources.md](../sources.md))."
    )
    parts = [_head("Triggers", about)]
    for model in triggers:
        schema = model.model_json_schema(mode="serialization", by_alias=False)
        title = f" Closum calls it “{model.title}”." if model.title else ""
        rows = [(f"`{name}`", _type(part), part.get("description", "")) for name, part in schema["properties"].items()]
        parts.append(f"## {model.trigger}\n\n{_line(model)}{title}\n")
        parts.append(_table(("field", "type", "what it is"), rows))
    return "\n".join(parts)


def settings_page(declared: Iterable[Setting]) -> str:
    """A row a setting: type and bounds, default, what it is for, who reads it."""
    about = (
        "A setting is an environment variable. A misspelled one stops the start, and so does a wrong value; "
        "`.env.example` is this list as a file."
    )
    rows = [
        (
            f"`{one.variable}`",
            one.kind + (", secret" if one.secret else ""),
            f"`{one.default}`" if one.default and not one.secret else "–",
            one.description,
            ", ".join(one.services),
        )
        for one in declared
    ]
    return _head("Settings", about) + "\n" + _table(("setting", "type", "default", "what it is", "read by"), rows)


def metrics_page(families: Iterable[Family], where: Shown) -> str:
    """A row a metric: its labels, what it means, where it is shown."""
    about = "At `/metrics` of each service, on its health port. Base units; no label holds an id."
    rows = [
        (
            f"`{one.name}`",
            one.kind,
            ", ".join(f"`{label}`" for label in one.labels),
            one.meaning,
            "; ".join(where.get(one.name, ())),
        )
        for one in families
    ]
    return _head("Metrics", about) + "\n" + _table(("metric", "kind", "labels", "what it means", "shown in"), rows)


def errors_page(codes: type[CodeTable]) -> str:
    """A row a code: what it means, who must act, whether a later try may succeed."""
    about = (
        "One closed set: metric label, header of dead letters (`flows-code`), field of API answers. Who must act: the "
        "sender of the event, the flow's author, the operator of this installation, whoever runs the destination."
    )
    rows = [(f"`{one.value}`", one.meaning, one.who_must_act.value, "yes" if one.retriable else "no") for one in codes]
    return _head("Error codes", about) + "\n" + _table(("code", "what it means", "who must act", "tried again"), rows)


def shown(root: Path) -> Shown:
    """Which panels and alerts of deploy/ show each metric."""
    queries = []
    for file in sorted((root / "deploy/grafana/dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        queries += [
            (f"{board['title']}: {panel['title']}", [target["expr"] for target in panel["targets"]])
            for panel in board["panels"]
        ]
    rules = YAML(typ="safe", pure=True).load((root / "deploy/prometheus/rules.yml").read_text())
    queries += [(f"alert {rule['alert']}", [rule["expr"]]) for group in rules["groups"] for rule in group["rules"]]
    return places_of(queries)


def places_of(queries: Iterable[tuple[str, Iterable[str]]]) -> Shown:
    """By metric, the places whose queries ask for it."""
    found: dict[str, dict[str, None]] = {}
    for place, texts in queries:
        for series in re.findall(r"\bflows_\w+", " ".join(texts)):
            found.setdefault(re.sub("_(bucket|sum|count)$", "", series), {})[place] = None
    return {name: tuple(places) for name, places in found.items()}


def _head(title: str, about: str) -> str:
    return f"# {title}\n\n{MADE}\n\n{about}\n"


def _line(model: type[Payload]) -> str:
    return (model.__doc__ or "").strip().split("\n")[0]


def _type(part: Mapping[str, object]) -> str:
    """A field's JSON type; what it refers to is an object."""
    options = part.get("anyOf")
    if isinstance(options, list):
        return " or ".join(dict.fromkeys(_type(one) for one in options))
    return str(part.get("format") or part.get("type") or ("object" if "$ref" in part else "any"))


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(titles), *(tuple(row) for row in rows)]
    cells = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) for line in lines]
    return "\n".join(f"| {line} |" for line in (cells[0], " | ".join("---" for _ in lines[0]), *cells[1:])) + "\n"
