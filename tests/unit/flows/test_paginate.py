"""`paginate`: all pages as one list, each page a call of its own; bounded, and the same after a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import ErrorCode
from contracts.runs import Answer, Outcome, Run, StepError
from services.flows.advance import advance, begin
from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.compiled import CompiledFlow
from services.flows.load import load_text
from services.flows.outcomes import Act, End, Next
from services.flows.steps.parts.paginate import MOST_BYTES, next_link
from services.project.catalogue import catalogue
from tests.support.flows import NOW, event, source

KNOWN = catalogue()
Pages = Callable[[dict[str, Any]], dict[str, Any]]
FLOW = """
flow: pages
on: closum.lead.created
steps:
  - id: contacts
    action: http.request
    connection: crm
    with: { method: GET, url: /contacts, query: { tag: new } }
    paginate: PAGINATE
    ON
  - for_each: ${ contacts.items }
    as: contact
    limit: 1000
    do:
      - action: http.request
        connection: crm
        with: { method: PUT, url: /seen, json: { id: "${ contact }", of: "${ contacts.pages }" } }
"""
CURSOR = '{ items: "${ page.json.items }", next: "${ page.json.?next }", query: cursor'
NUMBER = '{ items: "${ page.json.items }", query: page'
LINK = '{ items: "${ page.json }", link: true'


def text(paginate: str, on: str = "") -> str:
    """The flow with this rule."""
    return FLOW.replace("PAGINATE", paginate + " }").replace("    ON\n", on)


def compiled(paginate: str, on: str = "") -> CompiledFlow:
    """The flow, that has no fault."""
    found = source(text(paginate, on))
    assert [str(fault) for fault in check([found], KNOWN, {"crm"})] == []
    return compile_flow(found, KNOWN.tools)


class Api:
    """An API of so many items, so many a page: by cursor, by number, by link."""

    def __init__(self, items: int, size: int) -> None:
        self.items, self.size = list(range(items)), size
        self.asked: list[dict[str, Any]] = []
        self.effects: list[str] = []

    def cursor(self, query: dict[str, Any]) -> dict[str, Any]:
        """The cursor is where the next page begins."""
        start = int(query.get("cursor", 0))
        more = start + self.size < len(self.items)
        after = str(start + self.size) if more else None
        return {"json": {"items": self.items[start : start + self.size], "next": after}}

    def number(self, query: dict[str, Any]) -> dict[str, Any]:
        """Pages count from 1."""
        start = (query["page"] - 1) * self.size
        return {"json": {"items": self.items[start : start + self.size]}}

    def link(self, query: dict[str, Any]) -> dict[str, Any]:
        """The header names the next page."""
        start = int(query.get("from", 0))
        more = start + self.size < len(self.items)
        there = f'<https://crm.example/v1/contacts?tag=new&from={start + self.size}>; rel="next", </a>; rel=first'
        return {"json": self.items[start : start + self.size], "headers": {"link": there} if more else {}}


def played(flow: CompiledFlow, api: Api, pages: Pages, *, twice: bool = False) -> tuple[End, list[Any]]:
    """The end, and the items that were delivered. `twice`: each record is read again, as after a crash."""
    run = begin(flow, event())
    after: Next = advance(flow, run, now=NOW)
    delivered: list[Any] = []
    while isinstance(after, Act):
        request = after.request
        api.effects.append(request.effect_id)
        if request.inputs["url"] == "/contacts":
            api.asked.append(request.inputs["query"])
            outputs: dict[str, Any] = {"status": 200, "headers": {}, **pages(request.inputs["query"])}
        else:
            delivered.append(request.inputs["json"]["id"])
            outputs = {"status": 200, "headers": {}}
        back = Run.model_validate_json(request.run.to_bytes())
        answer = Answer(effect_id=request.effect_id, step=request.step, outputs=outputs)
        after = advance(flow, back, answer=answer, now=NOW)
        if twice:
            assert advance(flow, back, answer=answer, now=NOW) == after
    assert isinstance(after, End)
    return after, delivered


@pytest.mark.parametrize(
    ("kind", "rule", "asked"),
    [
        ("cursor", CURSOR, [{"tag": "new"}, {"tag": "new", "cursor": "3"}, {"tag": "new", "cursor": "6"}]),
        ("number", NUMBER, [{"tag": "new", "page": number} for number in (1, 2, 3, 4)]),
        ("number", NUMBER + ", size: 3", [{"tag": "new", "page": number} for number in (1, 2, 3)]),
        ("link", LINK, [{"tag": "new"}, {"tag": "new", "from": "3"}, {"tag": "new", "from": "6"}]),
    ],
)
def test_all_pages_are_one_list(kind: str, rule: str, asked: list[dict[str, Any]]) -> None:
    """Each is asked for once, by an effect of its own; then each item is delivered once. Nothing is left behind."""
    api = Api(8, 3)
    end, delivered = played(compiled(rule), api, getattr(api, kind), twice=True)
    assert (end.outcome, delivered, api.asked) == (Outcome.DELIVERED, list(range(8)), asked)
    assert len(set(api.effects)) == len(api.effects)
    assert end.run.loops == {}
    assert end.run.outputs["contacts"]["count"] == 8


@given(st.integers(0, 40), st.integers(1, 12), st.sampled_from(["cursor", "number", "link"]))
def test_whatever_the_sizes_no_item_is_missing_or_twice(items: int, size: int, by: str) -> None:
    """Also of no item, and of a last page that is full."""
    api = Api(items, size)
    end, delivered = played(FLOWS[by], api, getattr(api, by))
    assert (end.outcome, delivered) == (Outcome.DELIVERED, list(range(items)))


FLOWS = {name: compiled(rule) for name, rule in (("cursor", CURSOR), ("number", NUMBER), ("link", LINK))}


def test_the_first_page_is_the_effect_that_the_step_has_without_pages() -> None:
    """And the others are those of its pages: ids that a replay makes again."""
    flow = FLOWS["cursor"]
    act = advance(flow, begin(flow, event()), now=NOW)
    assert isinstance(act, Act)
    assert (act.request.step, act.request.last) == ("0", False)
    api = Api(8, 3)
    answer = Answer(effect_id=act.request.effect_id, step="0", outputs={"status": 200, "headers": {}, **api.cursor({})})
    second = advance(flow, act.request.run, answer=answer, now=NOW)
    assert isinstance(second, Act)
    assert second.request.step == second.request.run.at == "0[1]"
    # The first answer again, at the second page: it was not asked for here.
    end = advance(flow, second.request.run, answer=answer, now=NOW)
    assert isinstance(end, End)
    assert end.code is ErrorCode.RUN_INVALID


BOUNDS: dict[str, tuple[str, dict[str, Any] | None, str]] = {
    "too many items": (CURSOR + ", most: 5", None, "`paginate` has 6 items by page 2, and `most` is 5"),
    "too many pages": (CURSOR + ", pages: 2", None, "more than 2 pages"),
    "too much": (CURSOR, {"json": {"items": ["x" * MOST_BYTES]}}, "a run carries 300,000"),
    "no list": (CURSOR, {"json": {"items": {}}}, "`items` of page 1 are no list"),
    "no items": (CURSOR, {"json": {}}, "there is no 'items' here"),
    "a cursor that is a list": (CURSOR, {"json": {"items": [], "next": [1]}}, "`next` is a text or a whole number"),
    "the same page again": (CURSOR, {"json": {"items": [1], "next": "a"}}, "page 2 says that it comes after itself"),
    "a page elsewhere": (
        LINK,
        {"json": [], "headers": {"link": "<https://evil.example/v1/admin?x=1>; rel=next"}},
        "the next page is at '/v1/admin', and not at the path of `url`",
    ),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_what_is_over_its_bound_is_that_runs_dead_letter(name: str) -> None:
    """With a clear cause; nothing was done with any item. Where the flow goes on, nothing of the pages is left."""
    rule, page, cause = BOUNDS[name]
    api = Api(8, 3)
    pages: Pages = api.cursor if page is None else lambda _: page
    end, delivered = played(compiled(rule), api, pages)
    assert (end.outcome, end.code, delivered) == (Outcome.DEAD, ErrorCode.EXPRESSION_FAILED, [])
    assert cause in (end.reason or "")
    goes_on = compiled(rule, "    on_error: [ { stop: no pages } ]\n")
    end, _ = played(goes_on, api, pages)
    assert (end.outcome, end.reason, end.run.loops) == (Outcome.FILTERED, "no pages", {})


def test_a_page_that_fails_fails_the_step() -> None:
    """And a loop around begins its next round with the first page."""
    flow = compiled(CURSOR, "    on_error: [ { stop: away } ]\n")
    act = advance(flow, begin(flow, event()), now=NOW)
    assert isinstance(act, Act)
    outputs = {"status": 200, "headers": {}, **Api(8, 3).cursor({})}
    page = Answer(effect_id=act.request.effect_id, step="0", outputs=outputs)
    act = advance(flow, act.request.run, answer=page, now=NOW)
    assert isinstance(act, Act)
    error = StepError(code=ErrorCode.CALL_REJECTED, cause="400")
    answer = Answer(effect_id=act.request.effect_id, step=act.request.step, error=error)
    end = advance(flow, act.request.run, answer=answer, now=NOW)
    assert isinstance(end, End)
    assert (end.reason, end.run.loops) == ("away", {})


def test_pages_in_a_loop_begin_anew_in_each_round() -> None:
    """Their effects are those of the round."""
    loop = """
flow: pages
on: closum.lead.created
steps:
  - for_each: [a, b]
    do:
      - id: contacts
        action: http.request
        connection: crm
        with: { method: GET, url: /contacts, query: { of: "${ item }" } }
        paginate: { items: "${ page.json.items }", next: "${ page.json.?next }", query: cursor }
"""
    found = source(loop)
    assert [str(fault) for fault in check([found], KNOWN, {"crm"})] == []
    api = Api(5, 3)
    played(compile_flow(found, KNOWN.tools), api, api.cursor)
    assert api.asked == [{"of": "a"}, {"of": "a", "cursor": "3"}, {"of": "b"}, {"of": "b", "cursor": "3"}]
    assert len(set(api.effects)) == 4


WRONG = {
    "no items": ("{ query: page", "`paginate` needs `items`"),
    "no way to the next": ('{ items: "${ page.json }"', "by `next` and `query`"),
    "two ways": (LINK + ", query: page", "by `next` and `query`"),
    "next without a parameter": ('{ items: "${ page.json }", next: "${ page.json.?a }"', "by `next` and `query`"),
    "items that are a text": ('{ items: "${ page.text }", query: page', "`items` is a list, this is a text"),
    "a cursor that is a map": ('{ items: "${ page.json }", next: "${ page.headers }", query: a', "`next` is a text"),
    "items of a field that is not there": ('{ items: "${ page.jsn }", query: page', "no field 'jsn'"),
    "items of a step": ('{ items: "${ trigger.tags }", query: page', "no name 'trigger'"),
    "items that stand there": ("{ items: [1], query: page", "`items` is one expression"),
    "a size of cursors": (CURSOR + ", size: 5", "`size` is for pages that have numbers"),
    "no page": (NUMBER + ", pages: 0", "`pages` is a whole number from 1 to 1000"),
    "too many items": (NUMBER + ", most: 10001", "`most` is a whole number from 1 to 10000"),
    "a misspelled key": (NUMBER + ", page: 5", "`paginate` has no key 'page'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_can_never_be_right_is_a_mistake(name: str) -> None:
    rule, expected = WRONG[name]
    sources, faults = load_text(text(rule))
    assert expected in "\n".join(str(fault) for fault in [*faults, *check(sources, KNOWN, {"crm"})])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("method: GET, url: /contacts", "method: POST, url: /contacts", "`paginate` is for GET"),
        ("  - id: contacts\n    action", "  - action", "give the step an `id`"),
        ("contacts.items", "contacts.json", "no field 'json'"),
    ],
)
def test_it_is_for_get_and_for_somebody(old: str, new: str, expected: str) -> None:
    sources, faults = load_text(text(NUMBER).replace(old, new))
    assert expected in "\n".join(str(fault) for fault in [*faults, *check(sources, KNOWN, {"crm"})])


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("<a?p=2>; rel=next", "a?p=2"),
        ('<a>; rel="prev", <b>; title="x, y"; rel="last next"', "b"),
        ('<a>; rel="nextish"', None),
        ("<a; rel=next", None),
        ("<" * 5000, None),
        ("<a>" + "; rel" * 5000, None),
    ],
)
def test_the_link_header(header: str, expected: str | None) -> None:
    assert next_link(header) == expected
