"""An endpoint of an API as data: one row says what is called and how its answer is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Basis(StrEnum):
    """Where a row comes from."""

    CONFIRMED = "confirmed"  # a call that was seen to work, Closum's own documents, or two independent callers
    DOCUMENTED = "documented"  # a document says so, and nobody has seen it work
    INFERRED = "inferred"  # follows from what was seen of something else
    ASSUMED = "assumed"  # chosen by us, in the style of the confirmed ones
    CONFIGURED = "configured"  # a file of this installation says so, and not from where it knows


class FieldPlacement(StrEnum):
    """Where the fields stand in the request."""

    JSON = "json"
    FORM = "form"
    QUERY = "query"


class ValueForm(StrEnum):
    """How a value is written, where that is not as JSON has it."""

    LIST = "list"  # ["a", "b"]
    MAP = "map"  # {"1": "a", "2": "b"}
    JOINED = "joined"  # "a,b"
    BOOLEAN = "boolean"  # true
    NUMBER = "number"  # 1
    TEXT = "text"  # "true"


OF_LISTS = frozenset({ValueForm.LIST, ValueForm.MAP, ValueForm.JOINED})
DATA = "/responseData"
PUBLIC, PUBLIC_ON = "Closum's documents and its public callers", "2026-11-30"
"""Where the confirmed rows of the catalogue are known from: docs/closum.md."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of an API.

    `fields` and `answer` hold only names that differ, ours first. A name that begins with a slash is an RFC 6901
    pointer: of `fields` into the JSON body, of `answer` into the whole answer. `answer` says None of an output that the
    answer does not have. `path` may hold `{field}`: that field, under our name, then stands there and nowhere else.
    `data`: where the answer's object stands, or a list whose first item it is; empty: it is the answer.
    `success`: each field of the answer that must have this value where it is there; the first must be there; none: the
    HTTP status alone says it. `code` and `message`: the fields of a refusal. `done_already`: codes of a refusal that
    say that the effect is there. `missing`: codes inside an answer that say that what was looked for is not there; an
    HTTP status does not say that, as the path may be wrong. `needs` and `lacks`: our fields that it wants in every
    call, and those that it does not know. `by` and `on`: who saw it, or which document, and when.
    """

    method: str
    path: str
    basis: Basis
    fields: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, str | None] = field(default_factory=dict)
    place: FieldPlacement = FieldPlacement.JSON
    success: Mapping[str, Any] = field(default_factory=lambda: {"status": True, "success": True})
    done_already: frozenset[int] = frozenset()
    missing: frozenset[int] = frozenset({404})
    forms: Mapping[str, ValueForm] = field(default_factory=dict)
    data: str = DATA
    code: str = "code"
    message: str = "message"
    needs: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    by: str = ""
    on: str = ""

    @property
    def known(self) -> str:
        """For people: `confirmed by Ana on 2026-11-30`."""
        return said(self.basis, self.by, self.on)


def said(basis: Basis, by: str, on: str) -> str:
    """Where something is known from, for people."""
    return " ".join(filter(None, (basis.value, by and f"by {by}", on and f"on {on}")))
