"""Changing the payload of a dead letter before it is redriven: `inputs.json.phone=+351912345678`. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from contracts.topics import ACTIONS_DLQ, EVENTS_DLQ, REFUSED_DLQ
from services.runtime.dead_letters.letters import FoundDeadLetter

ELSEWHERE = "connection"
"""Where a call goes, and with whose credentials: another one needs a right of its own."""
# What else a message holds says which run it is of: changed, it would no longer find its way back. Of a body that was
# refused anything may be changed: it is read again.
MAY_CHANGE = {ACTIONS_DLQ.name: ("inputs", "connection", "retry", "timeout_seconds"), EVENTS_DLQ.name: ("data",)}


class EditError(Exception):
    """A change cannot be made. The text says why."""


def edited(letter: FoundDeadLetter, changes: Mapping[str, Any], *, elsewhere: bool = False) -> bytes:
    """The message with these changes, by path; without any, the original bytes. Raises EditError.

    `elsewhere`: whether the call may go to another connection, with what it holds about a person.
    """
    if not changes:
        return letter.value
    allowed = MAY_CHANGE.get(letter.topic, ())
    body = json.loads(letter.value) if isinstance(letter.body, dict | list) else None
    if body is None:
        raise EditError(f"{letter.id} is no JSON object or list, so nothing in it can be changed")
    for path, value in changes.items():
        names = path.split(".")
        if names[0] not in allowed and letter.topic != REFUSED_DLQ.name:
            what = ", ".join(allowed) or "nothing: it is a run on its way"
            raise EditError(f"{path!r} cannot be changed; in {letter.topic} this can: {what}")
        if names[0] == ELSEWHERE and letter.topic != REFUSED_DLQ.name and not elsewhere:
            raise EditError(
                "another connection sends what this call holds elsewhere, with other credentials: that is a right of "
                "its own (--other-connection; by HTTP, FLOWS_ADMIN_OTHER_CONNECTION and `other_connection`)"
            )
        _put(body, names, value, path)
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def change(text: str) -> tuple[str, Any]:
    """A change as it is written, `path=value`. The value is JSON where it is JSON, else text. Raises EditError."""
    path, equals, value = text.partition("=")
    if not path or not equals:
        raise EditError(f"{text!r} is no change: write PATH=VALUE, such as inputs.json.phone=+351912345678")
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value


def _put(body: Any, names: list[str], value: Any, path: str) -> None:  # noqa: ANN401 - JSON is anything
    for name in names[:-1]:
        body = _step(body, name, path)
    last = names[-1]
    if isinstance(body, dict):
        body[last] = value
    elif isinstance(body, list) and last.isdecimal() and int(last) < len(body):
        body[int(last)] = value
    else:
        raise EditError(f"there is no {path!r} in the message")


def _step(body: Any, name: str, path: str) -> Any:  # noqa: ANN401 - JSON is anything
    if isinstance(body, dict) and name in body:
        return body[name]
    if isinstance(body, list) and name.isdecimal() and int(name) < len(body):
        return body[int(name)]
    raise EditError(f"there is no {path!r} in the message")
