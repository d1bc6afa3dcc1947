"""What an endpoint gets and gives, and the form of V2's replies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from deploy.local.closum.stand_in_state import Json, StandInState

HTTP_OK = 200
DIGITS = re.compile(r"[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class ReceivedCall:
    """One request, read."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Json
    raw: bytes
    key: str | None  # Idempotency-Key, without its quotes

    def text(self, *names: str) -> str:
        """The first of these fields that is given, of body or query, as text; else empty."""
        for name in names:
            value = self.body.get(name, self.query.get(name))
            if value is not None and value != "":
                return str(value)
        return ""


class StandInReply(NamedTuple):
    """An HTTP status and a JSON body."""

    status: int
    body: Json


Endpoint = Callable[[StandInState, ReceivedCall], StandInReply]


class RefusedError(Exception):
    """V2 says no: HTTP 200, `status: false`, and this code and text."""

    def __init__(self, message: str, code: int = 422) -> None:
        super().__init__(message)
        self.code = code


def done(message: str, *items: Json) -> StandInReply:
    """V2 says yes."""
    return StandInReply(HTTP_OK, {"status": True, "code": 200, "message": message, "responseData": list(items)})


def refused(message: str, code: int = 422, status: int = HTTP_OK) -> StandInReply:
    """V2 says no, by default with HTTP 200."""
    return StandInReply(status, {"status": False, "code": code, "message": message, "responseData": []})


def phone_digits(value: Any) -> str:  # noqa: ANN401 - whatever the caller sent
    """The digits of a phone with its country code. Raises RefusedError: V2 takes digits, a leading plus is let pass."""
    digits = str(value).removeprefix("+")
    if not DIGITS.fullmatch(digits):
        raise RefusedError(f"{value!r} is not a phone number: digits with country code are expected")
    return digits
