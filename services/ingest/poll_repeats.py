"""Items of polls that have no id: which of them was listed before, and which came to be again.

A system that is asked lists the same item in answer after answer, and the content alone is no event of its own:
Ana→Bea, Bea→Ana, Ana→Bea is three changes, though two are alike. So it is kept what was listed last of each subject,
and an item is the same as long as it is still there. What is kept is written with the cursor: an answer that is asked
for again gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

MOST_SUBJECTS = 5000
Row = tuple[str, int, int]
"""A content, how many like it were before in that answer, and its number."""


@dataclass(frozen=True)
class ListedItems:
    """What an answer listed of one subject, in its order, and from which cursor it was asked for."""

    cursor: str | None
    rows: list[Row]


Seen = dict[str, ListedItems]
"""By subject."""
SEEN = TypeAdapter(Seen)


class PollAnswer:
    """One answer on its way, asked for from a cursor. `seen`: what is kept, as `after` gave it."""

    def __init__(self, seen: Any, cursor: str | None) -> None:  # noqa: ANN401 - JSON, as it was kept
        self._seen = SEEN.validate_python(seen)
        self._cursor = cursor
        self._now: Seen = {}

    def number(self, subject: str, content: str) -> tuple[int, int]:
        """(0, 0) for an item that is the first of its content, else what tells it from those before.

        The same pair for an item that is still listed: anywhere in the list where the same question was asked again;
        where the cursor moved only as the last of its subject, since a cursor may begin with what it ended with.
        """
        rows = self._now.setdefault(subject, ListedItems(self._cursor, [])).rows
        if rows and rows[-1][0] == content:
            return rows[-1][1:]
        like = sum(row[0] == content for row in rows)
        row = self._still(subject, content, like, begins=not rows)
        if row is None:
            known = self._seen.get(subject)
            row = (content, like, 1 + max(one[2] for one in known.rows) if known else 0)
        rows.append(row)
        return row[1:]

    def _still(self, subject: str, content: str, like: int, *, begins: bool) -> Row | None:
        known = self._seen.get(subject)
        if known is None:
            return None
        if known.cursor == self._cursor:
            return next((row for row in known.rows if row[:2] == (content, like)), None)
        last = known.rows[-1]
        return last if begins and last[0] == content else None

    def after(self) -> Any:  # noqa: ANN401 - JSON
        """What to keep: the latest of each subject, of those that were listed last."""
        kept = {subject: rows for subject, rows in self._seen.items() if subject not in self._now} | self._now
        return SEEN.dump_python(dict(list(kept.items())[-MOST_SUBJECTS:]), mode="json")
