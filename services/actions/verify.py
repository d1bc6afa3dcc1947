"""Asking the destination whether an effect is there, of which nobody here knows: an action's `verify`.

    async def was_added(inputs: Inputs, call: Call) -> Verdict:
        reply = await call("GET", f"/orders/{inputs.number}", guarantee=Guarantee.REPEATABLE, accept=HERE_OR_NOT)
        return DidNot() if reply.status == 404 else Happened(Outputs(id=reply.json()["id"]))

    @action("shop.order_add", guarantee=Guarantee.AT_MOST_ONCE, verify=was_added)

It changes nothing at the destination. A CallFailedError, and any other error, means that it cannot be told now.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from services.actions.call import Call


@dataclass(frozen=True, slots=True)
class Happened:
    """It is there, and the call would have given these outputs."""

    outputs: BaseModel


@dataclass(frozen=True, slots=True)
class DidNot:
    """It is not there now. A request that is still on its way can bring it about."""


@dataclass(frozen=True, slots=True)
class CannotTell:
    """The destination's answer leaves it open."""

    why: str


Verdict = Happened | DidNot | CannotTell
Verify = Callable[[Any, Call], Coroutine[Any, Any, Verdict]]
