"""What an answer of a real account says of a row of facts: where things stand in it, and what a refusal suggests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.actions.registry import SHAPES
from services.closum.endpoint import Endpoint, FieldPlacement, ValueForm
from services.closum.facts_form import KeyRow
from services.closum.pointers import at
from services.project.closum_guesses import names_for, walk

DATAS = ("responseData", "data", "result", "results", "response", "payload", "items", "lead", "contact")
SUCCESSES = ("status", "success", "ok", "successful", "result", "state")
CODES = ("code", "error_code", "errorCode", "status_code", "statusCode")
MESSAGES = ("message", "msg", "error_message", "errorMessage", "detail", "description", "text", "error", "why")
JOINED = re.compile(r"\b(string|text|comma|joined|separated|texto)\b", re.IGNORECASE)
NUMBERS = re.compile(r"\b(integer|int|number|0 or 1|0/1|numeric|inteiro)\b", re.IGNORECASE)
MAPS = re.compile(r"\b(object|map|dictionary|keyed|associative)\b", re.IGNORECASE)
LISTED = re.compile(r"\b(array|list|lista)\b", re.IGNORECASE)
OK, FIRST_ERROR = 200, 400


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer. `body` is its JSON; text where it is none."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def said(self) -> str:
        """All words of it."""
        return self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)


def key_place(key: KeyRow) -> str:
    """Where the key goes, for people."""
    return "a bearer token" if key.bearer else f"header {key.header}" if key.header else f"query {key.query}"


def moved(row: Endpoint, method: str, path: str) -> Endpoint:
    """The row with another verb and path, and its fields where that verb has them."""
    place = row.place
    if method in {"GET", "HEAD"}:
        place = FieldPlacement.QUERY
    elif row.method in {"GET", "HEAD"}:
        place = FieldPlacement.JSON
    return replace(row, method=method, path=path, place=place)


def code_inside(body: Mapping[str, Any]) -> int | None:
    """The code that a body holds, wherever; None: none."""
    for _, last, value in walk(dict(body)):
        if last in CODES and isinstance(value, int | str) and not isinstance(value, bool) and str(value).isdecimal():
            return int(value)
    return None


def status_of(seen: Seen) -> int:
    """The status, or the one that a refusal of 200 carries inside."""
    code = code_inside(seen.body) if seen.status == OK and isinstance(seen.body, dict) else None
    if code is not None and code >= FIRST_ERROR:
        return code
    return seen.status


def success_of(body: Mapping[str, Any], refusal: Seen | None) -> dict[str, Any]:
    """What a success says and a refusal does not: the success test of a row. Empty: only the status tells."""
    other = refusal.body if refusal is not None and isinstance(refusal.body, dict) else {}
    for name in SUCCESSES:
        value = body.get(name)
        if isinstance(value, bool | int | str) and not (isinstance(value, int) and value > 99):  # noqa: PLR2004 - a status
            if name in other and other[name] == value:
                continue
            return {name: value}
    return {}


def data_of(body: Mapping[str, Any]) -> str:
    """The pointer to what was asked for."""
    for name in DATAS:
        if isinstance(body.get(name), dict | list):
            return f"/{name}"
    return ""


def holds(body: Any, held: Any, theirs: str) -> bool:  # noqa: ANN401 - JSON
    """Whether an output stands at `theirs`: a pointer into the body, or a name in what it `held`."""
    found = at(body, theirs) if theirs.startswith("/") else held.get(theirs) if isinstance(held, dict) else None
    return found is not None


def place_of(output: str, body: Any, held: Any) -> str | None:  # noqa: ANN401 - JSON
    """Where an output stands under another of its usual names; None: nowhere."""
    names = names_for(output)
    if isinstance(held, dict) and (own := next((one for one in names if one in held), None)) is not None:
        return own
    places = [(pointer, last) for pointer, last, value in walk(body) if not isinstance(value, dict | list)]
    for name in names:
        for pointer, last in places:
            if last == name:
                return pointer
    return None


def output_of(body: Any, row: Endpoint, output: str) -> Any:  # noqa: ANN401 - JSON
    """The value of a row's output; None: it is not there."""
    theirs = row.answer.get(output, output) or output
    if theirs.startswith("/"):
        return at(body, theirs)
    found = at(body, row.data)
    held = found[0] if isinstance(found, list) and found else found
    return held.get(theirs) if isinstance(held, dict) else None


def refusal_names(body: Mapping[str, Any]) -> dict[str, Any]:
    """Where a refusal has its code and its words, where that is other than assumed."""
    found: dict[str, Any] = {}
    if not isinstance(body.get("code"), int | str):
        where = next((p for p, last, v in walk(dict(body)) if last in CODES and not isinstance(v, dict | list)), None)
        found |= {"code": _plain(where)} if where else {}
    if not isinstance(body.get("message"), str):
        where = next((p for p, last, v in walk(dict(body)) if last in MESSAGES and isinstance(v, str)), None)
        found |= {"message": _plain(where)} if where else {}
    return found


def _plain(pointer: str) -> str:
    return pointer[1:] if pointer.count("/") == 1 else pointer


def mends(name: str, row: Endpoint, fields: Mapping[str, Any], seen: Seen) -> Iterator[Endpoint]:
    """Rows that the refusal suggests, the likeliest first: names it says, forms it says; then the usual others."""
    inputs = SHAPES[name].inputs
    words = {last for _, last, _ in walk(seen.body)} if isinstance(seen.body, dict) else set()
    words |= set(re.findall(r"[A-Za-z_]\w+", seen.said))
    sent = {ours: row.fields.get(ours, ours) for ours in fields}
    complained = [ours for ours, theirs in sent.items() if theirs in words]
    taken = set(sent.values())
    for ours in fields:
        for theirs in names_for(ours):
            if theirs in words and theirs not in taken:
                yield replace(row, fields={**row.fields, ours: theirs})
    for ours in dict.fromkeys((*complained, *fields)):
        if ours in complained:
            for form in _forms(inputs.get(ours, ""), seen.said):
                if row.forms.get(ours) is not form:
                    alike = [one for one in fields if inputs.get(one) == inputs[ours] and one in inputs]
                    yield replace(row, forms={**row.forms, **dict.fromkeys(alike, form)})
    if row.place is FieldPlacement.JSON and row.method != "GET":
        yield replace(row, place=FieldPlacement.FORM)
    for ours in complained:
        for theirs in names_for(ours)[1:4]:
            if theirs not in taken:
                yield replace(row, fields={**row.fields, ours: theirs})


def _forms(kind: str, said: str) -> Iterator[ValueForm]:
    if kind == "list":
        likely = [
            *((ValueForm.JOINED,) if JOINED.search(said) else ()),
            *((ValueForm.MAP,) if MAPS.search(said) else ()),
            *((ValueForm.LIST,) if LISTED.search(said) else ()),
        ]
        yield from dict.fromkeys((*likely, ValueForm.JOINED, ValueForm.MAP))
    elif kind == "boolean":
        likely = [ValueForm.NUMBER] if NUMBERS.search(said) else []
        yield from dict.fromkeys((*likely, ValueForm.NUMBER, ValueForm.TEXT))


PARTS: Sequence[str] = ("method", "path", "place", "fields", "forms", "answer", "success", "data")


def difference(before: Endpoint, now: Endpoint) -> dict[str, Any]:
    """What a row of closum.yaml says, to make one of the other."""
    found: dict[str, Any] = {}
    for part in PARTS:
        old, new = getattr(before, part), getattr(now, part)
        if old == new:
            continue
        if part in {"fields", "forms", "answer"}:
            found[part] = {name: str(value) for name, value in new.items() if old.get(name) != value}
        else:
            found[part] = dict(new) if isinstance(new, Mapping) else str(new)
    return found
