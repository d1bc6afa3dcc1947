"""`closum.yaml` as text: all that is known, and what is found out written into a file whose comments stay."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from contracts.triggers.registry import TRIGGERS
from services.closum.endpoint import Basis, Endpoint
from services.closum.facts import WEBHOOKS, Facts
from services.closum.webhook_reading import names_of

FIRST = "# What is other in this account of Closum than assumed: docs/closum.md. `flows closum facts` shows all rows.\n"
DEFAULT_KEY = {"query": "api-key"}


def endpoint_row(row: Endpoint, inputs: Mapping[str, str], outputs: frozenset[str]) -> dict[str, Any]:
    """Every part of a row, as the file has it."""
    made: dict[str, Any] = {"basis": row.basis.value} if row.basis is not Basis.CONFIGURED else {}
    made |= {"by": row.by} if row.by else {}
    made |= {"on": row.on} if row.on else {}
    return {
        **made,
        "method": row.method,
        "path": row.path,
        "place": row.place.value,
        "fields": {name: row.fields.get(name, name) for name in inputs},
        "forms": {
            name: row.forms[name].value if name in row.forms else kind
            for name, kind in inputs.items()
            if kind in {"list", "boolean"}
        },
        "answer": {name: row.answer.get(name, name) for name in sorted(outputs)},
        "success": dict(row.success),
        "data": row.data,
        "code": row.code,
        "message": row.message,
        "done_already": sorted(row.done_already),
        "missing": sorted(row.missing),
        "needs": sorted(row.needs),
        "lacks": sorted(row.lacks),
    }


def webhook_row(facts: Facts, trigger: str) -> dict[str, Any]:
    """Every part of a webhook's row, as the file has it."""
    own = facts.webhooks.get(trigger)
    told = {} if own is None else own.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    fields = {name: name for name in names_of(TRIGGERS[trigger])}
    basis = {} if own is not None and own.says else {"basis": Basis.ASSUMED.value}
    return {**basis, **told, "fields": {**fields, **told.get("fields", {})}}


def whole(facts: Facts, rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The whole file with every default. `rows`: of the actions."""
    key = facts.key.model_dump(exclude_none=True) if facts.key else DEFAULT_KEY
    return {
        "connections": sorted(facts.connections),
        "key": "bearer" if key.get("bearer") else key,
        **({"limits": facts.limits.model_dump(exclude_none=True)} if facts.limits else {}),
        "actions": dict(rows),
        "webhooks": {name: webhook_row(facts, name) for name in WEBHOOKS},
    }


def text_of(content: Mapping[str, Any]) -> str:
    """YAML for people."""
    return dumped(_laid_out(content, 0))


def merged(text: str, found: Mapping[str, Any]) -> str:
    """The file with what was found in it: row by row over what stands there. Raises ruamel's errors for no YAML."""
    document = _yaml().load(text) if text.strip() else None
    if not isinstance(document, CommentedMap):
        document = CommentedMap()
        text = ""
    _over(document, found, 0)
    written = dumped(document)
    return written if text else FIRST + written


def _over(target: Any, found: Mapping[str, Any], depth: int) -> None:  # noqa: ANN401 - the library's own
    for name, value in found.items():
        inner = target.get(name)
        if isinstance(value, Mapping) and isinstance(inner, dict) and name != "key":
            if depth > 0 and inner.keys() & {"basis", "by", "on"}:
                for word in ("basis", "by", "on"):
                    inner.pop(word, None)
            _over(inner, value, depth + 1)
        else:
            target[name] = _laid_out(value, depth + 1)


def _laid_out(value: Any, depth: int) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        made = CommentedMap({name: _laid_out(item, depth + 1) for name, item in value.items()})
        if depth >= 3 or (not any(isinstance(item, Mapping) for item in value.values()) and depth == 1):  # noqa: PLR2004
            made.fa.set_flow_style()
        return made
    return value


def dumped(document: Any) -> str:  # noqa: ANN401 - the library's own
    """The text of a document."""
    stream = io.StringIO()
    _yaml().dump(document, stream)
    return stream.getvalue()


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
