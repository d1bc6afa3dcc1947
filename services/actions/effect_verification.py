"""Asking the destination whether an effect is there, of which nobody here knows: an action's `verify`.

    async def was_added(inputs: Inputs, call: ActionCall) -> Verdict:
        reply = await call("GET", f"/orders/{inputs.number}", guarantee=Guarantee.REPEATABLE, accept=HERE_OR_NOT)
        return EffectAbsent() if reply.status == 404 else EffectHappened(Outputs(id=reply.json()["id"]))

    @action("shop.order_add", guarantee=Guarantee.AT_MOST_ONCE, verify=was_added)

It changes nothing at the destination. A CallFailedError, and any other error, means that it cannot be told now.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from services.actions.action_call import ActionCall


@dataclass(frozen=True, slots=True)
class EffectHappened:
    """It is there, and the call would have given these outputs."""

    outputs: BaseModel


@dataclass(frozen=True, slots=True)
class EffectAbsent:
    """It is not there now. A request that is still on its way can bring it about."""


@dataclass(frozen=True, slots=True)
class EffectUnknown:
    """The destination's answer leaves it open."""

    why: str


Verdict = EffectHappened | EffectAbsent | EffectUnknown
Verify = Callable[[Any, ActionCall], Coroutine[Any, Any, Verdict]]
