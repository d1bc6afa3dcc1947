"""closum.tag.create: Tag: Create New. The path is assumed, and that code 409 says that the tag exists."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.actions.action import action
from services.actions.action_call import ActionCall
from services.actions.closum import ask
from services.actions.fields import AnswerId, StrictInputs, Tag
from services.closum.endpoint import Basis, Endpoint
from services.flows.catalogue import Example, Group, Guarantee


class Inputs(StrictInputs):
    """What it takes."""

    name: Tag = Field(description="the new tag's name")


class Outputs(BaseModel):
    """What it gives."""

    tag_id: AnswerId = Field(description="id of the tag; empty when it was there before, or Closum does not say")
    created: bool = Field(description="false when it was there before")


@action(
    "closum.tag.create",
    title="Tag: Create New",
    group=Group.OTHER,
    guarantee=Guarantee.REPEATABLE,
    endpoint=Endpoint("POST", "tag/add/", Basis.ASSUMED, done_already=frozenset({409})),
    examples=[Example("a new tag", {"name": "verão"}, {"created": True})],
)
async def tag_create(inputs: Inputs, call: ActionCall) -> Outputs:
    """Create a tag; one that exists is left as it is."""
    said = await ask(call, tag_create, inputs.model_dump(), Guarantee.REPEATABLE)
    return Outputs(tag_id="" if said.done_already else said.identity("tag_id"), created=not said.done_already)
