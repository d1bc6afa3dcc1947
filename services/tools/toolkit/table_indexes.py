"""Tables by key. A table that stands in a flow is the same object for every run, so that its index is made once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from services.flows.catalogue import ToolError
from services.tools.toolkit.conditions import folded
from services.tools.toolkit.size_bounds import MAX_ITEMS
from services.tools.toolkit.value_paths import first

MAX_ROWS_HELD = 100_000

Table = dict[str, Any] | list[Any]


def key_text(key: Any, *, ignore_case: bool) -> str:  # noqa: ANN401 (a JSON value)
    """The text under which a key is found: 7 and "7" are the same; with `ignore_case`, "a" and " A" too."""
    text = folded(key, ignore_case=ignore_case)
    return text.strip() if ignore_case else text


class TableIndexes:
    """Indexes of the tables that were used last, of at most 100,000 rows together."""

    def __init__(self) -> None:
        # With the table itself: as long as it is held, its id is its own.
        self._held: OrderedDict[tuple[int, str, bool], tuple[Table, Mapping[str, Any]]] = OrderedDict()
        self._rows = 0

    def of(self, table: Table, key_field: str, *, ignore_case: bool) -> Mapping[str, Any]:
        """Values or rows by the text of their key; of equal keys, the first. The table must not be changed after."""
        name = (id(table), key_field, ignore_case)
        if (held := self._held.get(name)) is not None:
            self._held.move_to_end(name)
            return held[1]
        made = _index(table, key_field, lambda key: key_text(key, ignore_case=ignore_case))
        self._held[name] = (table, made)
        self._rows += len(table)
        while self._rows > MAX_ROWS_HELD:
            self._rows -= len(self._held.popitem(last=False)[1][0])
        return made


def _index(table: Table, key_field: str, text: Callable[[Any], str]) -> dict[str, Any]:
    if len(table) > MAX_ITEMS:
        raise ToolError(f"table has more than {MAX_ITEMS:,} rows")
    pairs = table.items() if isinstance(table, dict) else ((first(row, key_field), row) for row in table)
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key is not None:
            made.setdefault(text(key), value)
    return made


INDEXES = TableIndexes()
