"""The `url` of a call, and that of its `verify`: whatever an event brings stays the one segment that its hole is.

Without this a name `../../admin` or `7/delete` is another address, under the connection's credentials.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from services.flows.cel import EvaluationError
from services.flows.compile_values import Compiled, as_text, compile_expression, compile_map
from services.flows.literals import is_literal
from services.flows.scope import Scope
from services.flows.syntax import MapOf, Template

URL, VERIFY = "url", "verify"
ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
HOST = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)
IN_HOST = re.compile(r"[A-Za-z0-9.:-]+")
PLAIN = "@+:"  # what may stand in a segment as it is, and often does: RFC 3986, 3.3
_A_HOLE = "x"


def compile_inputs(inputs: MapOf, env: Any) -> Callable[[Scope], dict[str, Any]]:  # noqa: ANN401 - the binding is untyped
    """A function that gives the inputs of a call."""
    own: dict[str, Compiled] = {}
    for word, value in inputs.items:
        if word.text == URL and isinstance(value, Template):
            own[word.text] = _compile_url(value, env)
        elif word.text == VERIFY and isinstance(value, MapOf) and not is_literal(value):
            own[word.text] = compile_inputs(value, env)
    rest = compile_map(replace(inputs, items=tuple(item for item in inputs.items if item[0].text not in own)), env)
    return lambda scope: rest(scope) | {name: make(scope) for name, make in own.items()}


def _compile_url(template: Template, env: Any) -> Compiled:  # noqa: ANN401
    parts: list[Callable[[Scope], str]] = []
    before = ""
    for part in template.parts:
        if isinstance(part, str):
            parts.append(lambda _, text=part: text)  # type: ignore[misc]  # a text of its own for each
            before += part
        else:
            parts.append(_hole(part.source, compile_expression(part, env), _rule_at(before)))
            before += _A_HOLE
    return lambda scope: "".join(part(scope) for part in parts)


def _hole(source: str, value: Compiled, rule: Callable[[str, str], str]) -> Callable[[Scope], str]:
    return lambda scope: rule(as_text(value(scope), source), source)


def _rule_at(before: str) -> Callable[[str, str], str]:
    """How a value is written that stands behind this text. In a query it stays as it is: `query` encodes it."""
    if "?" in before or "#" in before:
        return _as_it_is
    if not before:
        return _begin
    return _host if HOST.fullmatch(before) else _segment


def _as_it_is(text: str, _source: str) -> str:
    return text


def _begin(text: str, source: str) -> str:
    """A whole address, which is judged when the call is made; or the first segment of a path."""
    return text if ABSOLUTE.match(text) else _segment(text, source)


def _host(text: str, source: str) -> str:
    if not IN_HOST.fullmatch(text):
        raise EvaluationError(f"`{source}` stands in the host of `url`, and is empty or no part of a host's name")
    return text


def _segment(text: str, source: str) -> str:
    if not text.strip():
        raise EvaluationError(f"`{source}` stands in the path of `url`, and is empty: the call would go elsewhere")
    if not {".", ".."}.isdisjoint(unquote(text).replace("\\", "/").split("/")):
        raise EvaluationError(f"`{source}` stands in the path of `url`, and is `.` or `..`, or leads there")
    return quote(text, safe=PLAIN, errors="replace")
