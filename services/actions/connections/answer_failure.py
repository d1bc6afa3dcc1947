"""Failures that a destination says inside an answer of HTTP 200: where they stand, and which status they mean. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from services.actions.action_call import without_bom

EACH = "*"
REFUSED = 422
"""What a failure means whose code is not known: this call is wrong, and is not made again by itself."""


@dataclass(frozen=True, slots=True)
class FailureInside:
    """A failure that was found. `partly`: of several things in the answer others have come to pass."""

    status: int
    partly: bool


@dataclass(frozen=True, slots=True)
class AnswerFailure:
    """One sign of failure: a JSON Pointer (RFC 6901) in which `*` stands for each item or member.

    `equals`: the value that says it; absent (`given` is false): any but null, false, 0 and what is empty. `partly`: the
    rest of the call may have come to pass all the same, as it may where only some of several values say a failure.
    `code`: where its code stands; `means`: HTTP status by code.
    """

    pointer: tuple[str, ...]
    equals: object = None
    given: bool = False
    partly: bool = False
    code: tuple[str, ...] | None = None
    means: Mapping[str, int] = field(default_factory=dict)

    def found(self, document: object) -> FailureInside | None:
        """What the answer says; None: no failure."""
        values = list(_at(document, self.pointer))
        failed = [value for value in values if self._says_so(value)]
        if not failed:
            return None
        codes = () if self.code is None else _at(document, self.code)
        status = next((self.means[str(code)] for code in codes if str(code) in self.means), REFUSED)
        return FailureInside(status, partly=self.partly or len(failed) < len(values))

    def _says_so(self, value: object) -> bool:
        if not self.given:
            return bool(value)
        return type(value) is type(self.equals) and value == self.equals  # 0 is not false


def failure_in(body: bytes, signs: Sequence[AnswerFailure]) -> FailureInside | None:
    """The first failure that an answer says. What is not JSON says none."""
    if not signs:
        return None
    try:
        document = orjson.loads(without_bom(body))
    except orjson.JSONDecodeError:
        return None
    return next((found for sign in signs if (found := sign.found(document)) is not None), None)


def parts_of(pointer: str) -> tuple[str, ...]:
    """The parts of a JSON Pointer. Raises ValueError for what is none."""
    if not pointer.startswith("/"):
        raise ValueError("a pointer begins with /, such as /ok or /data/*/status")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def _at(value: object, parts: tuple[str, ...]) -> Iterator[object]:
    if not parts:
        yield value
        return
    first, rest = parts[0], parts[1:]
    for inner in _below(value, first):
        yield from _at(inner, rest)


def _below(value: object, part: str) -> Iterator[object]:
    if isinstance(value, dict):
        if part == EACH:
            yield from value.values()
        elif part in value:
            yield value[part]
    elif isinstance(value, list):
        if part == EACH:
            yield from value
        elif part.isascii() and part.isdigit() and int(part) < len(value):
            yield value[int(part)]
