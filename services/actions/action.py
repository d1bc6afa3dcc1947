"""How an action is declared: one file with `Inputs`, `Outputs` and one decorated async function.

    @action("crm.contact_add", guarantee=Guarantee.KEYED)
    async def contact_add(inputs: Inputs, call: Call) -> Outputs:
        '''Add a contact.'''
        reply = await call("POST", "/contacts", guarantee=Guarantee.KEYED, body=Body.json({"name": inputs.name}))
        return Outputs(id=reply.json()["id"])

Its signature for the type checker, its validation, metrics and retries follow from that.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from services.actions.call import Call
from services.flows.catalogue import Action, Guarantee, declared

Function = Callable[[Any, Call], Coroutine[Any, Any, BaseModel]]


@dataclass(frozen=True, slots=True)
class Implementation:
    """An action with its function."""

    signature: Action
    run: Function


def action(
    name: str, *, guarantee: Guarantee, needs_connection: bool = True
) -> Callable[[Callable[[Any, Call], Coroutine[Any, Any, Any]]], Implementation]:
    """Declare an action. The docstring's first line is its catalogue line.

    `guarantee` is what holds for the call in general; the function says it for each call, as it may depend on inputs.
    Raises TypeError at import when the file lacks `Inputs`, `Outputs` or the docstring.
    """

    def declare(function: Callable[[Any, Call], Coroutine[Any, Any, Any]]) -> Implementation:
        line, inputs, outputs = declared(f"action {name!r}", function)
        return Implementation(Action(name, line, inputs, outputs, guarantee, needs_connection), function)

    return declare
