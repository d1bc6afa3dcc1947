"""How an action is declared: one file with `Inputs`, `Outputs` and one decorated async function.

    @action("crm.contact_add", guarantee=Guarantee.KEYED)
    async def contact_add(inputs: Inputs, call: Call) -> Outputs:
        '''Add a contact.'''
        reply = await call("POST", "/contacts", guarantee=Guarantee.KEYED, body=Body.json({"name": inputs.name}))
        return Outputs(id=reply.json()["id"])

Its signature for the type checker, its validation, metrics and retries follow from that.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from services.actions.call import Call
from services.actions.verify import Verify
from services.flows.catalogue import Action, Guarantee, declared

Function = Callable[[Any, Call], Coroutine[Any, Any, BaseModel]]


@dataclass(frozen=True, slots=True)
class Implementation:
    """An action with its function."""

    signature: Action
    run: Function
    gauge: str | None = None
    """An output that is shown as a metric of its connection, such as the credits that are left."""
    verify: Verify | None = None
    """How the destination is asked whether an effect of unknown outcome is there."""

    def guarantee(self, inputs: BaseModel) -> Guarantee:
        """What holds for a call with these inputs: their own `guarantee()`, where it depends on them."""
        own = getattr(inputs, "guarantee", None)
        found = own() if callable(own) else self.signature.guarantee
        return found if isinstance(found, Guarantee) else self.signature.guarantee

    def verifier(self, inputs: BaseModel) -> Verify | None:
        """How to ask after a call with these inputs; None: it cannot be asked. They say so by `verifiable()`."""
        own = getattr(inputs, "verifiable", None)
        return None if callable(own) and not own() else self.verify


def action(
    name: str,
    *,
    guarantee: Guarantee,
    needs_connection: bool = True,
    gauge: str | None = None,
    raises: Sequence[str] = (),
    verify: Verify | None = None,
) -> Callable[[Callable[[Any, Call], Coroutine[Any, Any, Any]]], Implementation]:
    """Declare an action. The docstring's first line is its catalogue line.

    `guarantee` is what holds for the call in general; the function says it for each call, as it may depend on inputs.
    `raises` names the triggers that it can set off, for the check of flows that set each other off for ever.
    `gauge` names an output that is shown as a metric. `verify` is asked after a call that must not be made twice and
    that may have been made: see services/actions/verify.py. Raises TypeError at import when the file lacks `Inputs`,
    `Outputs` or the docstring, or has no such output.
    """

    def declare(function: Callable[[Any, Call], Coroutine[Any, Any, Any]]) -> Implementation:
        line, inputs, outputs = declared(f"action {name!r}", function)
        if gauge is not None and gauge not in outputs.model_fields:
            raise TypeError(f"action {name!r}: no output {gauge!r} to show as a metric")
        signature = Action(name, line, inputs, outputs, guarantee, needs_connection, tuple(raises), verify is not None)
        return Implementation(signature, function, gauge, verify)

    return declare
