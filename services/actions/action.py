"""How an action is declared: one file with `Inputs`, `Outputs` and one decorated async function.

    @action(
        "crm.contact_add",
        title="CRM: Add Contact",
        group=Group.OTHER,
        guarantee=Guarantee.KEYED,
        examples=[Example("a contact", {"name": "Inês"}, {"id": "1"})],
    )
    async def contact_add(inputs: Inputs, call: ActionCall) -> Outputs:
        '''Add a contact.'''
        reply = await call("POST", "/contacts", guarantee=Guarantee.KEYED, body=RequestBody.json({"name": inputs.name}))
        return Outputs(id=reply.json()["id"])

Its signature for the type checker, its validation, metrics, retries, its row in docs/actions.md and its conformance
tests follow from that.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from contracts.writes import Sets
from services.actions.action_call import ActionCall
from services.actions.effect_verification import Verify
from services.closum.endpoint import Endpoint
from services.closum.shapes import ActionShape
from services.flows.catalogue import Action, BaseInputs, Example, Group, Guarantee, declared, faults_of
from services.flows.idempotency import IdempotencyKey
from services.runtime.documents.suggestion import suggestion

Function = Callable[[Any, ActionCall], Coroutine[Any, Any, BaseModel]]


@dataclass(frozen=True, slots=True)
class Implementation:
    """An action with its function."""

    signature: Action
    run: Function
    gauge: str | None = None
    """An output that is shown as a metric of its connection, such as the credits that are left."""
    verify: Verify | None = None
    """How the destination is asked whether an effect of unknown outcome is there."""
    endpoint: Endpoint | None = None
    """What is called, where the API is one of Closum's. A connection may correct it."""
    writes: Sets | None = None
    """What it sets and makes there, by which our own changes are recognised when they come back."""

    @property
    def name(self) -> str:
        """As flows name it."""
        return self.signature.name

    @property
    def declared_endpoint(self) -> Endpoint:
        """The endpoint. Raises TypeError where none is declared: that is a fault of the action's file."""
        if self.endpoint is None:
            raise TypeError(f"action {self.name!r} declares no endpoint")
        return self.endpoint

    @property
    def shape(self) -> ActionShape:
        """The fields that a row of its endpoint may name."""
        return ActionShape.of(self.signature.inputs, self.signature.outputs)

    def guarantee(self, inputs: BaseInputs, honoured: IdempotencyKey | None) -> Guarantee:
        """What holds for a call with these inputs: what they say, where it depends on them.

        `honoured`: what its connection declares; None: nothing, or there is none.
        """
        return inputs.guarantee(honoured) or self.signature.guarantee

    def verifier(self, inputs: BaseInputs) -> Verify | None:
        """How to ask after a call with these inputs; None: it cannot be asked."""
        return self.verify if inputs.verifiable() else None


def action(
    name: str,
    *,
    title: str,
    group: Group,
    guarantee: Guarantee,
    examples: Sequence[Example],
    needs_connection: bool = True,
    gauge: str | None = None,
    raises: Sequence[str] = (),
    verify: Verify | None = None,
    endpoint: Endpoint | None = None,
    writes: Sets | None = None,
) -> Callable[[Callable[[Any, ActionCall], Coroutine[Any, Any, Any]]], Implementation]:
    """Declare an action. The docstring's first line is its catalogue line.

    `title` is the name that Closum's own catalogue gives it. The conformance tests make the uses that
    `examples` show, against a stand-in that holds one lead, 1001, of ines@example.com with the tag `old`. An action
    with `verify` has an example whose call must not be made twice.
    `guarantee` is what holds for the call in general; the function says it for each call, as it may depend on inputs.
    `raises` names the triggers that it can set off, for the check of flows that set each other off for ever.
    `gauge` names an output that is shown as a metric. `verify` is asked after a call that must not be made twice and
    that may have been made: see services/actions/effect_verification.py. `endpoint`: what is called, as a row
    that a connection may correct. `writes`: what it sets or makes that its system tells of. Raises TypeError at import,
    with all that is wrong: a missing model, docstring or output, an example or `writes` that do not fit the models.
    """

    def declare(function: Callable[[Any, ActionCall], Coroutine[Any, Any, Any]]) -> Implementation:
        line, inputs, outputs = declared(f"action {name!r}", function)
        faults = [fault for example in examples for fault in faults_of(example, inputs, outputs)]
        if not examples:
            faults.append("no example")
        if gauge is not None and gauge not in outputs.model_fields:
            faults.append(f"no output {gauge!r} to show as a metric")
        if writes is not None:
            faults += _unfit(writes, inputs, outputs, raises)
        if faults:
            raise TypeError(f"action {name!r}: " + "; ".join(faults))
        signature = Action(
            name,
            line,
            inputs,
            outputs,
            guarantee=guarantee,
            needs_connection=needs_connection,
            raises=tuple(raises),
            verified=verify is not None,
            title=title,
            group=group,
            examples=tuple(examples),
            known="" if endpoint is None else endpoint.known,
        )
        return Implementation(signature, function, gauge, verify, endpoint, writes)

    return declare


def _unfit(writes: Sets, inputs: type[BaseModel], outputs: type[BaseModel], raises: Sequence[str]) -> list[str]:
    """What `writes` names that the action does not have."""
    named = {
        *writes.entity.values(),
        *writes.fields,
        *writes.nested,
        *writes.adds.values(),
        *writes.removes.values(),
    }
    faults = [
        f"writes: no input {name!r}: {suggestion(name, inputs.model_fields)}"
        for name in sorted(named - inputs.model_fields.keys())
    ]
    if writes.makes is not None and writes.makes not in raises:
        faults.append(f"writes: makes {writes.makes!r}, which is not among `raises`")
    if writes.makes is not None and writes.made not in outputs.model_fields:
        faults.append(f"writes: no output {writes.made!r}: {suggestion(writes.made, outputs.model_fields)}")
    return faults
