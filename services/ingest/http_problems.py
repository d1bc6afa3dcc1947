"""What a refused sender is told: RFC 9457 problem details, each with our error code and what to do.

Source of the format: https://www.rfc-editor.org/rfc/rfc9457.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypedDict

import orjson
from fastapi_problem.error import Problem
from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from contracts.errors import ErrorCode
from contracts.faults import first_faults

CONTENT_TYPE = "application/problem+json"
MOST_ERRORS = 50
SHOWN_FAULTS = 5


class FieldError(TypedDict):
    """One field of the body that is wrong: where (RFC 6901 JSON pointer, `""` is the whole body) and why."""

    pointer: str
    detail: str


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """The request is answered with a problem. `detail` is for the sender: what is wrong and what to do.

    `head`: what was read of a body that is too large, for us.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: ErrorCode,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[FieldError] = (),
        head: bytes = b"",
        **members: Any,  # noqa: ANN401 - further members of the JSON object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.head = head
        self.members: dict[str, Any] = dict(members)
        if errors:
            self.members["errors"] = list(errors)

    def body(self) -> bytes:
        """The JSON text of the problem."""
        problem: dict[str, Any] = Problem(
            self.code.meaning,
            type_=type_of(self.code),
            detail=self.detail,
            status=self.status.value,
            code=self.code.value,
            who_must_act=self.code.who_must_act.value,
            **self.members,
        ).marshal()
        return orjson.dumps(problem)


def wrong_method(method: str, allowed: Sequence[str]) -> Refused:
    """The 405 that says what the address takes."""
    senders = [each for each in allowed if each not in {"HEAD", "OPTIONS"}]
    return Refused(
        HTTPStatus.METHOD_NOT_ALLOWED,
        ErrorCode.METHOD_NOT_ALLOWED,
        f"This address takes {' or '.join(senders)}, not {method}.",
        headers={"Allow": ", ".join(allowed)},
    )


def type_of(code: ErrorCode) -> str:
    """The problem's `type`: a URN, so that it means the same on every installation."""
    return f"urn:closum-flows:error:{code.value}"


def pointer(path: Sequence[str | int]) -> str:
    """RFC 6901: `("contact", 0, "a/b")` → `/contact/0/a~1b`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def invalid(title: str, text: str, path: Sequence[str | int]) -> ValidationError:
    """A reader's own fault in the form that `wrong_shape` tells."""
    fault = PydanticCustomError("shape", "{text}", {"text": text})
    return ValidationError.from_exception_data(title, [{"type": fault, "loc": tuple(path), "input": None}])


def further_down(error: ValidationError, path: Sequence[str | int]) -> ValidationError:
    """The same faults of a value that stands at `path`."""
    details: list[InitErrorDetails] = [
        {
            "type": PydanticCustomError(fault["type"], "{text}", {"text": fault["msg"]}),
            "loc": (*path, *fault["loc"]),
            "input": None,
        }
        for fault in first_faults(error, MOST_ERRORS)
    ]
    return ValidationError.from_exception_data(error.title, details)


def wrong_shape(error: ValidationError, *, below: tuple[str | int, ...] = ()) -> Refused:
    """The 422 for what pydantic found; `below` is where the checked value stands in the body."""
    errors = [
        FieldError(pointer=pointer((*below, *fault["loc"])), detail=_words(fault))
        for fault in first_faults(error, MOST_ERRORS)
    ]
    return Refused(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        ErrorCode.SHAPE_INVALID,
        f"{error.error_count()} field(s) are wrong; `errors` says which and why. Correct them and send again.",
        errors=errors,
    )


def in_words(error: ValidationError) -> str:
    """The first faults of a value, in one line; without a value of it."""
    faults = ((pointer(fault["loc"]) or "it", _words(fault)) for fault in first_faults(error, SHOWN_FAULTS))
    return "; ".join(f"{place} {text}" for place, text in faults)


def _words(fault: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails, absent from its public names
    kind = fault["type"]
    if kind in {"model_type", "dict_type"}:
        return "must be a JSON object"
    if kind == "missing":
        return "is missing"
    text = str(fault["msg"]).removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
