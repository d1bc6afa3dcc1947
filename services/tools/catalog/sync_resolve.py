"""sync.resolve: two sides change one contact; which changes win."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.flows.refined import Duration, Timestamp
from services.flows.state.merges import MOST_FIELDS, Merge
from services.tools.toolkit.state_inputs import Key, seconds, small

PAIR = frozenset({"before", "after"})
Side = Annotated[str, Field(min_length=1, max_length=100)]


class Inputs(BaseInputs):
    """What it takes."""

    key: Key = Field(description="whose changes: the same on both sides, such as the E.164 phone")
    side: Side = Field(description="where it was changed, such as closum")
    changes: dict[str, Any] = Field(
        max_length=MOST_FIELDS, description="field → value, or field → { before, after } as triggers have it"
    )
    at: Timestamp = Field(description="when it was changed, such as ${ event.time }")
    rule: Side = Field(default="last", description="last: the later change wins; or the name of the side that wins")
    crossing: Duration = Field(default="10m", description="changes of both sides within this time may have crossed")
    scope: str = Field(
        default="sync", min_length=1, max_length=100, description="both flows of a sync write the same scope"
    )


class Outputs(BaseModel):
    """What it gives. A field that is not there is not to be written."""

    forward: dict[str, Any] = Field(
        description="field → value, to be written to the other side", json_schema_extra={"sparse": "true"}
    )
    back: dict[str, Any] = Field(
        description="field → value, to be written to the own side: a conflict was decided",
        json_schema_extra={"sparse": "true"},
    )
    lost: list[str] = Field(description="fields whose change lost")


@tool(
    "sync.resolve",
    group=Group.SYNC,
    examples=[
        Example(
            "a change that nobody disputes",
            {
                "key": "+351912345678",
                "side": "closum",
                "changes": {"name": {"before": "Ana", "after": "Ana Maria"}},
                "at": "2026-05-31T14:30:00Z",
            },
            {"forward": {"name": "Ana Maria"}, "back": {}, "lost": []},
        )
    ],
)
async def sync_resolve(inputs: Inputs) -> Outputs:
    """Decide conflicts of a two-way sync: which changes are written to the other side, which to their own."""
    changes = {field: _now(value) for field, value in small(inputs.changes, "changes").items()}
    crossing = seconds(inputs.crossing, "crossing")
    merged = await Merge(inputs.scope, inputs.key, inputs.side, changes, _moment(inputs.at), inputs.rule, crossing)
    return Outputs(forward=merged.forward, back=merged.back, lost=merged.lost)


def _now(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    return value.get("after") if isinstance(value, dict) and value and value.keys() <= PAIR else value


def _moment(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ToolError(f"at: {text[:60]!r} is no moment: write it as 2026-05-31T14:30:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
