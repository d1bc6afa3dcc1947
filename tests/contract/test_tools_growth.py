"""Work on strangers' data is bounded: four times as much takes no more than some four times as long.

Each tool with each of its texts and lists at the longest that its type allows, in shapes that have hurt readers of
text: long runs of one sign, marks that open and never close, pairs that look for each other. What is quick at its
longest needs no ratio.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Literal, get_args, get_origin

import pytest
from annotated_types import MaxLen
from pydantic.fields import FieldInfo

import services.tools.catalog
from services.flows.catalogue import Tool, ToolError, collect
from services.flows.run_tool import run_tool

TOOLS = collect(services.tools.catalog)
QUICK_SECONDS = 0.05
MOST_TIMES = 9.0  # of four times as much: n log n, and what a machine with other work adds
# How a text begins, and what it goes on with.
SHAPES = (
    *(
        ("", sign)
        for sign in (
            "a",
            " ",
            "-",
            "@",
            '"',
            ")",
            "[",
            "<a ",
            "<div>",
            "<ul><li>",
            "<i></p>",
            "<td>",
            "<a>x</a>",
            "1,",
            "a.b@",
            "A a",
        )
    ),
    *(("", sign) for sign in ("e\u0301", "\u0301", "🇵", "👩\u200d")),
    *(("http://x", ")"), ("{{ a", "~a"), ("{{ a", "|upper"), ("{{ ", "-"), ("", "{{ "), ('{"a":', "[")),
)


def seconds(run: Any, size: int, tries: int = 1) -> float:
    """The quickest of some tries: other work on the machine only adds."""
    best = float("inf")
    for _ in range(tries):
        started = time.process_time()
        run(size)
        best = min(best, time.process_time() - started)
    return best


def grows_evenly(run: Any, longest: int) -> bool:
    """Whether the longest is quick, or takes no more than its share."""
    if seconds(run, longest) < QUICK_SECONDS:
        return True
    return seconds(run, longest, 3) <= MOST_TIMES * max(seconds(run, longest // 4, 3), QUICK_SECONDS / 10)


def bound(field: FieldInfo) -> int:
    """The longest that a field takes; 0 where nothing says so."""
    marks = [
        *field.metadata,
        *(mark for part in get_args(field.annotation) for mark in getattr(part, "__metadata__", ())),
    ]
    return max((mark.max_length for mark in marks if isinstance(mark, MaxLen)), default=0)


def fields_of(kind: type, least: int) -> Iterator[tuple[Tool, str, int]]:
    """The fields of this kind that take so much, of all tools."""
    for tool in TOOLS.values():
        for name, field in tool.inputs.model_fields.items():
            if bound(field) >= least and kind in (field.annotation, get_origin(field.annotation)):
                yield tool, name, bound(field)


def tried(tool: Tool, given: dict[str, Any]) -> None:
    """The tool with inputs, valid or not: a refusal is an answer."""
    with suppress(ToolError, ValueError):
        run_tool(tool, tool.inputs.model_validate(given), ())


def open_fields() -> Iterator[tuple[Tool, str]]:
    """The fields that take anything, or objects, of any number of parts."""
    for tool in TOOLS.values():
        for name, field in tool.inputs.model_fields.items():
            kinds = (field.annotation, get_origin(field.annotation))
            if (Any in kinds or dict in kinds) and not bound(field):
                yield tool, field.alias or name


OPEN = list(open_fields())
MANY = 60_000
TEXTS = list(fields_of(str, 1000))
LISTS = list(fields_of(list, 1000))


def test_the_table_is_not_empty() -> None:
    """Nor has a bound gone unseen."""
    names = {(tool.name, field) for tool, field, _ in TEXTS}
    assert {
        ("text.extract", "text"),
        ("text.format", "template"),
        ("json.parse", "text"),
        ("text.strip_html", "html"),
    } <= names
    assert {("list.unique", "items"), ("list.sort", "items")} <= {(tool.name, field) for tool, field, _ in LISTS}


def whats(tool: Tool) -> list[dict[str, Any]]:
    """The inputs of its first example, and with every other word that it can choose: `what: url`, `to: upper`."""
    given = dict(tool.examples[0].inputs)
    fields = tool.inputs.model_fields.items()
    choices = {name: get_args(field.annotation) for name, field in fields if get_origin(field.annotation) is Literal}
    return [given, *({**given, name: choice} for name, all_of in choices.items() for choice in all_of)]


@pytest.mark.parametrize(("tool", "field", "longest"), TEXTS, ids=[f"{tool.name}.{field}" for tool, field, _ in TEXTS])
def test_a_long_text_takes_its_share_of_time(tool: Tool, field: str, longest: int) -> None:
    """In every shape, with the inputs of every example of the tool."""
    slow = []
    for given in whats(tool):
        for begin, shape in SHAPES:

            def run(size: int, given: dict[str, Any] = given, begin: str = begin, shape: str = shape) -> None:
                tried(tool, {**given, field: (begin + shape * (size // len(shape)))[:size]})

            if not grows_evenly(run, longest):
                slow.append((given, begin, shape))
    assert slow == []


ITEMS: tuple[Any, ...] = (
    lambda n: f"t{n}",
    lambda n: n,
    lambda _: "same",
    lambda n: {"key": n, "name": f"n{n}"},
    lambda _: None,
)


@pytest.mark.parametrize(("tool", "field", "longest"), LISTS, ids=[f"{tool.name}.{field}" for tool, field, _ in LISTS])
def test_a_long_list_takes_its_share_of_time(tool: Tool, field: str, longest: int) -> None:
    """Of texts, numbers, equal ones, objects, nulls."""
    slow = []
    for given in whats(tool):
        for number, item in enumerate(ITEMS):

            def run(size: int, given: dict[str, Any] = given, item: Any = item) -> None:
                tried(tool, {**given, field: [item(n) for n in range(size)]})

            if not grows_evenly(run, longest):
                slow.append((given, number))
    assert slow == []


PARTS: tuple[Any, ...] = (
    lambda size: [f"t{n}" for n in range(size)],
    lambda size: [{"key": n, "name": f"n{n}"} for n in range(size)],
    lambda size: {f"t{n}": n for n in range(size)},
    lambda size: "a, " * (size // 3),
)


@pytest.mark.parametrize(("tool", "field"), OPEN, ids=[f"{tool.name}.{field}" for tool, field in OPEN])
def test_what_takes_anything_takes_much_of_it(tool: Tool, field: str) -> None:
    """60,000 texts, objects, keys, or signs."""
    slow = []
    for given in whats(tool):
        for number, parts in enumerate(PARTS):

            def run(size: int, given: dict[str, Any] = given, parts: Any = parts) -> None:
                tried(tool, {**given, field: parts(size)})

            if not grows_evenly(run, MANY):
                slow.append((given, number))
    assert slow == []
