"""lookup: a value by its key in a table: an object, or a list of rows, which can stand in a CSV beside the flow."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import override

from services.flows.catalogue import BaseInputs, Example, Group, ToolError, tool
from services.flows.unknown import UnknownValue
from services.runtime.documents.suggestion import suggestion
from services.tools.toolkit.table_indexes import INDEXES, key_text
from services.tools.toolkit.value_paths import MAX_PATH, first, parse


class Inputs(BaseInputs):
    """What it takes."""

    key: Any = Field(description="what to look for, such as ${ trigger.city }")
    table: Any = Field(
        description="an object of key → value, a list of rows that are objects, or { csv: prices.csv }: rows of a file"
        " beside the flow, named by its first line"
    )
    key_field: str = Field(default="key", max_length=MAX_PATH, description="for rows: the field that holds the key")
    value_field: str = Field(
        default="", max_length=MAX_PATH, description="the field to give; empty: the whole value or row"
    )
    default: Any = Field(default=None, description="what `value` is when the key is not there")
    ignore_case: bool = Field(default=True, description="whether capitals and spaces around do not count")

    @override
    def hopeless(self) -> None:
        """A table of another kind, a field that no row has, a key that stands twice or where a field's name belongs."""
        fixed = isinstance(self.key, str | int | float | bool)
        for name in ("key_field", "value_field"):
            if fixed and isinstance(getattr(self, name), UnknownValue):
                raise ToolError(f"key: stands in the flow, and {name!r} comes with the event: are they swapped?")
        if self.table is None or isinstance(self.table, str | int | float | bool):
            raise ToolError("table: is an object, a list of rows, or { csv: FILE } for a file beside the flow")
        values = list(self.table.values() if isinstance(self.table, dict) else self.table)
        if isinstance(self.table, list):
            refuse_absent("key_field", self.key_field, values)
        refuse_absent("value_field", self.value_field, values)
        keys = list(self.table) if isinstance(self.table, dict) else [first(row, self.key_field) for row in self.table]
        refuse_twice(keys, ignore_case=self.ignore_case, rows=isinstance(self.table, list))

    @override
    def possible(self, output: str) -> list[Any] | None:
        """All that can be found."""
        if output != "value" or self.table is None or isinstance(self.table, str | int | float | bool):
            return None
        found = self.table.values() if isinstance(self.table, dict) else list(self.table)
        try:
            picked = [first(each, self.value_field) for each in found]
        except ToolError:  # no path: `hopeless` says so
            return None
        return [*(self.default if each is None else each for each in picked), self.default]


class Outputs(BaseModel):
    """What it gives."""

    found: bool = Field(description="whether the key is in the table")
    value: Any = Field(
        default=None,
        description="the value, or the default",
        json_schema_extra={"given_with": "default"},
    )


def refuse_twice(keys: list[Any], *, ignore_case: bool, rows: bool) -> None:
    """Raise ValueError for a key that would be found once of two times: the second would never be."""
    seen: dict[str, int] = {}
    for at, key in enumerate(keys, start=1):
        text = None if key is None else key_text(key, ignore_case=ignore_case)
        if text is not None and seen.setdefault(text, at) != at:
            where = f"in rows {seen[text]} and {at}" if rows else "as keys of the table"
            like = "" if str(keys[seen[text] - 1]) == str(key) else ", but for capitals and spaces"
            raise ValueError(
                f"table: {str(key)[:60]!r} stands twice, {where}{like}: only the first would be found. Take one away"
            )


def refuse_absent(name: str, path: str, rows: list[Any]) -> None:
    """Raise ValueError for a name of a field that none of these rows has."""
    steps = parse(path)
    if not rows or len(steps) != 1 or not isinstance(steps[0], str):
        return
    found = [each for each in rows if each and isinstance(each, dict)]
    if not any(steps[0] in each for each in found):
        columns = dict.fromkeys(key for each in found for key in each)
        raise ValueError(f"{name}: no row of the table has a field {path!r}: {suggestion(path, columns)}")


@tool(
    "lookup",
    group=Group.VALIDATE,
    examples=[
        Example(
            "a manager by city",
            {"key": "lisboa", "table": {"Lisboa": "ana", "Porto": "rui"}, "default": "eva"},
            {"found": True, "value": "ana"},
        ),
        Example(
            "a field of a row",
            {"key": 7, "table": [{"id": 7, "name": "Gold"}], "key_field": "id", "value_field": "name"},
            {"value": "Gold"},
        ),
        Example("not there", {"key": "Faro", "table": {}, "default": "eva"}, {"found": False, "value": "eva"}),
    ],
)
async def lookup(inputs: Inputs) -> Outputs:
    """Look up a value by its key in a table."""
    if not isinstance(inputs.table, dict | list):
        raise ToolError("table must be an object of key → value, or a list of rows")
    index = INDEXES.of(inputs.table, inputs.key_field, ignore_case=inputs.ignore_case)
    key = None if inputs.key is None else key_text(inputs.key, ignore_case=inputs.ignore_case)
    if key is None or key not in index:
        return Outputs(found=False, value=inputs.default)
    found = first(index[key], inputs.value_field)
    # A null counts as absent, as everywhere in flows.
    return Outputs(found=True, value=inputs.default if found is None else found)
