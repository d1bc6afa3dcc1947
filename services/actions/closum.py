"""Closum's API V2 as data: a row an endpoint, and what success looks like. See docs/closum.md for what is confirmed.

A person with the real Postman collection corrects a row here, and no code.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from contracts.errors import ErrorCode
from services.actions.call import Body, Call, CallFailedError
from services.actions.statuses import code_of, may_have_happened
from services.flows.catalogue import Guarantee


class Basis(StrEnum):
    """Where a row comes from."""

    CONFIRMED = "confirmed"  # Closum's own documents, or two independent callers
    ASSUMED = "assumed"  # chosen by us, in the style of the confirmed ones


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One call of the API: below the base address, with `answer` the field of responseData[0] that tells the new id."""

    method: str
    path: str
    answer: str
    basis: Basis


LEAD_ADD = Endpoint("POST", "lead/add/", "lead_id", Basis.CONFIRMED)
WHATSAPP_SEND_TEMPLATE = Endpoint("POST", "whatsapp/send-template/", "message_id", Basis.ASSUMED)

# A failure can come with HTTP 200: the body decides. Each holds where its field is there, and the first must be there.
SUCCESS = (("status", True), ("success", True))
CODE, MESSAGE, DATA = "code", "message", "responseData"
MESSAGE_LENGTH = 300


async def ask(call: Call, endpoint: Endpoint, fields: dict[str, Any], guarantee: Guarantee) -> dict[str, Any]:
    """Make the call; the first object of responseData, `{}` when there is none. Raises CallFailedError."""
    reply = await call(endpoint.method, endpoint.path, guarantee=guarantee, body=Body.json(fields))
    answer = reply.json()
    if not isinstance(answer, dict) or SUCCESS[0][0] not in answer:
        raise CallFailedError(
            ErrorCode.ANSWER_INVALID,
            f"Closum's answer to {endpoint.path} has no field {SUCCESS[0][0]!r}",
            may_have_happened=True,
        )
    if any(answer.get(name, good) != good for name, good in SUCCESS):
        raise _refused(endpoint, answer)
    data = answer.get(DATA)
    first = data[0] if isinstance(data, list) and data else data
    return first if isinstance(first, dict) else {}


def identity(endpoint: Endpoint, data: dict[str, Any]) -> str:
    """The id that the endpoint promises, as text. Raises CallFailedError: the effect is there, but cannot be named."""
    value = data.get(endpoint.answer)
    if value is None or value == "":
        raise CallFailedError(
            ErrorCode.ANSWER_INVALID,
            f"Closum's answer to {endpoint.path} has no {endpoint.answer!r} in {DATA}",
            may_have_happened=True,
        )
    return str(value)


def _refused(endpoint: Endpoint, answer: dict[str, Any]) -> CallFailedError:
    """The body's code decides as an HTTP status would; without a usable one the call is rejected for good."""
    try:
        status = int(answer.get(CODE, 0))
    except (TypeError, ValueError):
        status = 0
    known = status if status >= 300 else 400  # noqa: PLR2004 - HTTP's own classes
    said = str(answer.get(MESSAGE) or "no message")[:MESSAGE_LENGTH]
    return CallFailedError(
        code_of(known),
        f"Closum refused {endpoint.path} with code {answer.get(CODE)!r}: {said}",
        may_have_happened=may_have_happened(known),
    )
