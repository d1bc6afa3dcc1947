"""`paginate`: all pages of an answer to GET, as one list. Each page is a call of its own, with an id of its own.

What was found so far, and where the next page is, travel with the run: after a crash the page that was asked for last
is asked for again, and none before it. Nothing is done with any item before the last page is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from services.flows.catalogue import Action
from services.flows.cel import EvaluationError, untyped
from services.flows.check_expression import check_expression
from services.flows.check_values import ValueCheck
from services.flows.compile_values import ABSENT, Compiled, compile_value
from services.flows.keys import EXPRESSION, TEXT, Key, Keys, map_of, names, required
from services.flows.output_shapes import outputs_of
from services.flows.parse_values import Values
from services.flows.presence import Names, PresenceState
from services.flows.scope import Scope
from services.flows.shapes import ANY, INT, Field, Kind, Shape
from services.flows.syntax import Constant, Expression, MapOf, Word
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.yaml_tree import Mapping as MappingTree
from services.runtime.documents.yaml_tree import Scalar, Tree

if TYPE_CHECKING:
    from services.flows.steps.node import Execution

PAGE = "page"
PAGES, MOST_PAGES = 100, 1000
ITEMS, MOST_ITEMS = 1000, 10_000
MOST_BYTES = 300_000
"""Of all items as JSON: a run carries them twice, in its outputs and as the list of a loop, in messages of 900 KB."""
NEEDED = frozenset({"status", "headers", "json"})
_LISTS = (Kind.LIST, Kind.ANY, Kind.UNION)
_CURSORS = (Kind.TEXT, Kind.INT, Kind.ANY, Kind.UNION, Kind.NULL)
_LINK = re.compile(r"""<([^<>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"[^"]*"|[^\s",;<>]+))*)""", re.ASCII)
_REL = re.compile(r""";\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;<>]+))""", re.ASCII | re.IGNORECASE)


def _count(most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": 1, "maximum": most}


KEYS: Keys = (
    Key("items", "the items of a page, such as ${ page.json.items }", EXPRESSION, required=True),
    Key(
        "next",
        "asks for the next page, such as ${ page.json.?cursor }; absent or empty: the last",
        EXPRESSION,
    ),
    Key("query", "the parameter that `next` goes into, or without `next` the number of the page", TEXT),
    Key("first", "the number of the first page; without it, 1", {"type": "integer", "minimum": 0}),
    Key("size", "how many items a full page has; without it, the last page is empty", _count(MOST_ITEMS)),
    Key("link", "true: the next page is what the header Link calls `next`", {"type": "boolean"}),
    Key("pages", f"the most pages; without it, {PAGES}", _count(MOST_PAGES)),
    Key("most", f"the most items; without it, {ITEMS}", _count(MOST_ITEMS)),
)
KEY = Key("paginate", "ask for all pages: the step gives `items`, `count` and `pages`", map_of(KEYS))


@dataclass(frozen=True, slots=True)
class PaginateRule:
    """How the next page is found: by a cursor (`next`), by its number, or by the header Link (`link`: `yes`)."""

    location: Location
    items: Expression
    next: Expression | None
    query: str
    first: int
    size: int | None
    link: str
    pages: int
    most: int

    def told(self) -> str:
        """As people read it."""
        how = "the header Link" if self.link else f"{self.query} from {self.first}" if self.next is None else self.query
        return f"all pages by {how}, at most {self.pages}, and {self.most} items"


def read(values: Values, tree: Tree | None) -> PaginateRule | None:
    """The rule that stands there."""
    if tree is None:
        return None
    if not isinstance(tree, MappingTree):
        text = '`paginate` is a map, such as { items: "${ page.json.items }", query: page }'
        values.fault(tree.location, FaultCode.VALUE_INVALID, text)
        return None
    keys = values.keys(tree, "`paginate`", names(KEYS), required=required(KEYS))
    items, after = (_expression(values, keys.get(name), name) for name in ("items", "next"))
    query = values.word(keys.get("query"), "the name of a parameter")
    link = keys.get("link")
    linked = isinstance(link, Scalar) and link.value is True
    if link is not None and not (isinstance(link, Scalar) and isinstance(link.value, bool)):
        values.fault(link.location, FaultCode.VALUE_INVALID, "`link` is true, or is left out")
    if linked == ("query" in keys) or (linked and "next" in keys):
        text = "`paginate` finds the next page by `next` and `query`, by `query` alone (its number), or by `link: true`"
        values.fault(tree.location, FaultCode.KEY_MISSING, text)
        return None
    for name in ("first", "size"):
        if name in keys and (linked or "next" in keys):
            values.fault(keys[name].location, FaultCode.VALUE_INVALID, f"`{name}` is for pages that have numbers")
    if items is None:
        return None
    return PaginateRule(
        tree.location,
        items,
        after,
        query.text if query is not None else "",
        _whole(values, keys.get("first"), "first", 0, MOST_ITEMS) if "first" in keys else 1,
        _whole(values, keys.get("size"), "size", 1, MOST_ITEMS) if "size" in keys else None,
        "yes" if linked else "",
        _whole(values, keys.get("pages"), "pages", 1, MOST_PAGES) if "pages" in keys else PAGES,
        _whole(values, keys.get("most"), "most", 1, MOST_ITEMS) if "most" in keys else ITEMS,
    )


def _expression(values: Values, tree: Tree | None, name: str) -> Expression | None:
    if tree is None:
        return None
    value = values.value(tree)
    if isinstance(value, Expression):
        return value
    text = f"`{name}` is one expression that reads the answer of a page, such as ${{ page.json.items }}"
    values.fault(tree.location, FaultCode.VALUE_INVALID, text)
    return None


def _whole(values: Values, tree: Tree | None, name: str, least: int, most: int) -> int:
    given = tree.value if isinstance(tree, Scalar) else None
    if isinstance(given, int) and not isinstance(given, bool) and least <= given <= most:
        return given
    if tree is not None:
        values.fault(tree.location, FaultCode.VALUE_INVALID, f"`{name}` is a whole number from {least} to {most}")
    return least or 1


def check(check: ValueCheck, rule: PaginateRule, action: Action | None, inputs: MapOf, name: Word | None) -> None:
    """Whether this call has pages, somebody reads them, and what finds them fits."""
    if name is None:
        check.report(rule.location, FaultCode.KEY_MISSING, "nothing reads the items: give the step an `id`")
    if action is None:
        return
    page = outputs_of(action, inputs, check.shapes)
    if not check.shapes.fields(page).keys() >= NEEDED:
        check.report(
            rule.location, FaultCode.KEY_UNKNOWN, f"`{action.name}` has no pages: `paginate` is for http.request"
        )
        return
    method = next((value for word, value in inputs.items if word.text == "method"), None)
    if not isinstance(method, Constant) or method.value != "GET":
        at = method.location if method is not None else rule.location
        check.report(at, FaultCode.INPUT_VALUE, "`paginate` is for GET: a page is asked for again after a crash")
    for value, what, kinds in ((rule.items, "items", _LISTS), (rule.next, "next", _CURSORS)):
        if value is None:
            continue
        seen = {PAGE: page}
        found = check_expression(value, check.types, seen, _NO_NAMES, PresenceState(), report=check.report).shape
        if found.kind is Kind.OPTIONAL and what == "next":
            found = found.item or ANY
        if found.kind not in kinds:
            wanted = "a list" if what == "items" else "a text or a whole number"
            check.report(value.location, FaultCode.EXPRESSION_TYPE, f"`{what}` is {wanted}, this is {found}")


def _silent(_at: Location, _code: FaultCode, _text: str) -> None:
    """What is wrong is told where the step is checked."""


_NO_NAMES = Names({}, {}, frozenset())


def shape(check: ValueCheck, rule: PaginateRule, action: Action | None, inputs: MapOf) -> Shape:
    """What the step gives: items of the shape that a page has them in."""
    found = ANY
    if action is not None:
        seen = {PAGE: outputs_of(action, inputs, check.shapes)}
        found = check_expression(rule.items, check.types, seen, _NO_NAMES, PresenceState(), report=_silent).shape
    items = found if found.kind is Kind.LIST else Shape(Kind.LIST, ANY)
    fields = {"items": Field(items), "count": Field(INT), "pages": Field(INT)}
    return check.shapes.once("the output of `paginate`", fields)


def compile_paginate(rule: PaginateRule | None) -> PagesNode | None:
    """The rule, ready to run. Its expressions see a page and nothing else."""
    if rule is None:
        return None
    env = untyped(frozenset({PAGE}))
    after = compile_value(rule.next, env) if rule.next is not None else None
    items = compile_value(rule.items, env)
    return PagesNode(items, after, rule.query, rule.first, rule.size, bool(rule.link), rule.pages, rule.most)


@dataclass(frozen=True, slots=True)
class PagesNode:
    """The pages of a call. What was found stands in the run's `loops` by the step's path, the page's number in `at`."""

    items: Compiled
    next: Compiled | None
    query: str
    first: int
    size: int | None
    link: bool
    pages: int
    most: int

    def asks(self, execution: Execution, path: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """What the page that comes next is asked for by. Names its place in `execution.at`."""
        number = execution.iterations.get(path, 0)
        if number:
            execution.at = f"{execution.at}[{number}]"
        if not self.link and self.next is None:
            return _with(inputs, {self.query: self.first + number})
        if not number:
            return inputs
        (after,) = execution.loops[_after(path)]
        return _linked(inputs, after) if self.link else _with(inputs, {self.query: after})

    def takes(self, execution: Execution, path: str, page: dict[str, Any]) -> dict[str, Any] | None:
        """Keep what a page has: all items when it was the last, None when there is another. Raises EvaluationError."""
        number = execution.iterations.get(path, 0)
        scope = Scope(execution.given.event, {PAGE: page}, {}, {})
        found = self.items(scope)
        if not isinstance(found, list):
            raise EvaluationError(f"`paginate`: `items` of page {number + 1} are no list")
        items = [*execution.loops.get(path, ()), *found]
        after = self._next(scope, page, number, len(found))
        if len(items) > self.most:
            raise EvaluationError(
                f"`paginate` has {len(items)} items by page {number + 1}, and `most` is {self.most}: {_NOTHING}"
            )
        if (size := len(orjson.dumps(items))) > MOST_BYTES:
            raise EvaluationError(
                f"`paginate`: the items are {size:,} bytes by page {number + 1}, and a run carries {MOST_BYTES:,}:"
                f" {_NOTHING}. Ask for fewer, or for fewer fields of each"
            )
        if after is None:
            self.leave(execution, path)
            return {"items": items, "count": len(items), "pages": number + 1}
        if number + 1 == self.pages:
            raise EvaluationError(f"`paginate` has more than {self.pages} pages, as `pages` allows: {_NOTHING}")
        if execution.loops.get(_after(path)) == [after]:
            raise EvaluationError(f"`paginate`: page {number + 1} says that it comes after itself: {_NOTHING}")
        execution.loops[path], execution.loops[_after(path)] = items, [after]
        execution.iterations[path] = number + 1
        return None

    def _next(self, scope: Scope, page: dict[str, Any], number: int, found: int) -> str | int | None:
        """What the next page is asked for by; None after the last."""
        if self.link:
            return next_link(str((page.get("headers") or {}).get("link", "")))
        if self.next is None:
            return None if found < (self.size or 1) else self.first + number + 1
        after = self.next(scope)
        if after is None or after is ABSENT or after == "" or after is False:
            return None
        if not isinstance(after, str | int) or isinstance(after, bool):
            raise EvaluationError("`paginate`: `next` is a text or a whole number")
        return after

    @staticmethod
    def leave(execution: Execution, path: str) -> None:
        """Forget what was found: the step is over."""
        execution.loops.pop(path, None)
        execution.loops.pop(_after(path), None)
        execution.iterations.pop(path, None)


_NOTHING = "nothing was done with them"


def _after(path: str) -> str:
    """The key of `loops` for where the next page is."""
    return f"{path}.next"


def _with(inputs: dict[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    return {**inputs, "query": {**(inputs.get("query") or {}), **more}}


def _linked(inputs: dict[str, Any], link: str) -> dict[str, Any]:
    """The same address with the link's query: no destination leads a call, and its credentials, elsewhere."""
    url = str(inputs.get("url", ""))
    own, other = (unquote(urlsplit(each).path).rstrip("/") for each in (url, link))
    if other and not other.endswith(own):
        raise EvaluationError(f"`paginate`: the next page is at {other[:100]!r}, and not at the path of `url`")
    query: dict[str, Any] = {}
    for name, value in parse_qsl(urlsplit(link).query, keep_blank_values=True):
        before = query.get(name)
        query[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return {**inputs, "url": re.split("[?#]", url, maxsplit=1)[0], "query": query}


def next_link(header: str) -> str | None:
    """The address that a Link header (RFC 8288) calls `next`, or None.

    >>> next_link('<https://api.example/a?p=2>; rel="next", <https://api.example/a?p=9>; rel=last')
    'https://api.example/a?p=2'
    """
    for link in _LINK.finditer(header):
        said = _REL.search(link[2])
        if said is not None and "next" in (said[1] or said[2]).lower().split():
            return link[1].strip()
    return None
