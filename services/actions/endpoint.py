"""An endpoint of an API as data: one row says what is called and how its answer is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Basis(StrEnum):
    """Where a row comes from."""

    CONFIRMED = "confirmed"  # Closum's own documents, or two independent callers
    ASSUMED = "assumed"  # chosen by us, in the style of the confirmed ones
    CONFIGURED = "configured"  # the connection file of this installation says so


class FieldPlacement(StrEnum):
    """Where the fields stand in the request."""

    JSON = "json"
    FORM = "form"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of an API.

    `fields` and `answer` hold only names that differ, ours first. `success`: each field of the answer that must have
    this value where it is there; the first must be there. `done_already`: codes of a refusal that say that the effect
    is there. `missing`: codes inside an answer that say that what was looked for is not there; an HTTP status does not
    say that, as the path may be wrong.
    """

    method: str
    path: str
    basis: Basis
    fields: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, str] = field(default_factory=dict)
    place: FieldPlacement = FieldPlacement.JSON
    success: Mapping[str, Any] = field(default_factory=lambda: {"status": True, "success": True})
    done_already: frozenset[int] = frozenset()
    missing: frozenset[int] = frozenset({404})
