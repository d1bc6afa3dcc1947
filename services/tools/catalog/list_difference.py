"""list.difference: what is new, gone and changed between two lists, by a key."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.conditions import folded
from services.tools.toolkit.size_bounds import Items
from services.tools.toolkit.value_paths import MAX_PATH, ValuePath, first


class Inputs(BaseInputs):
    """What it takes."""

    before: Items = Field(description="the list as it was")
    after: Items = Field(description="the list as it is")
    field: ValuePath = Field(
        default="", max_length=MAX_PATH, description="path of what tells items apart, such as id; empty: the item"
    )
    ignore_case: bool = Field(default=False, description="true: capitals of the key do not count")


class Outputs(BaseModel):
    """What it gives. Of several items with one key, the last one counts."""

    added: list[Any] = Field(description="items of `after` whose key is not in `before`, in order")
    removed: list[Any] = Field(description="items of `before` whose key is not in `after`, in order")
    changed: list[Any] = Field(description="items of `after` that were otherwise in `before`, in order")
    same: int = Field(description="how many are as they were")
    without_key: int = Field(description="how many items of both have no key: they are in none of the lists")


Key = tuple[bool, str]


def by_key(items: list[Any], inputs: Inputs) -> tuple[dict[Key, Any], int]:
    """Items by key, and how many have none."""
    found: dict[Key, Any] = {}
    without = 0
    for item in items:
        value = first(item, inputs.field)
        if value is None or value == "":
            without += 1
            continue
        key = (isinstance(value, str), folded(value, ignore_case=inputs.ignore_case))
        found.pop(key, None)
        found[key] = item
    return found, without


@tool(
    "list.difference",
    group=Group.PARSE,
    examples=[
        Example(
            "by id",
            {"before": [{"id": 1, "n": "a"}, {"id": 2}], "after": [{"id": 1, "n": "b"}, {"id": 3}], "field": "id"},
            {"added": [{"id": 3}], "removed": [{"id": 2}], "changed": [{"id": 1, "n": "b"}], "same": 0},
        ),
        Example("tags", {"before": ["a", "b"], "after": ["b", "c"]}, {"added": ["c"], "removed": ["a"], "same": 1}),
        Example("without a key", {"before": [], "after": [{"n": 1}], "field": "id"}, {"added": [], "without_key": 1}),
    ],
)
async def list_difference(inputs: Inputs) -> Outputs:
    """Say what is new, gone and changed between two lists."""
    before, lost = by_key(inputs.before, inputs)
    after, nameless = by_key(inputs.after, inputs)
    changed = [item for key, item in after.items() if key in before and before[key] != item]
    return Outputs(
        added=[item for key, item in after.items() if key not in before],
        removed=[item for key, item in before.items() if key not in after],
        changed=changed,
        same=sum(key in before for key in after) - len(changed),
        without_key=lost + nameless,
    )
