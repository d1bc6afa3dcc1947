"""How runs ended, from the topic `history`, for commands."""

from __future__ import annotations

from pydantic import ValidationError

from contracts.runs import HistoryRecord, Outcome
from contracts.topics import HISTORY
from services.cli import times
from services.cli.topic_records import read
from services.runtime.settings import RuntimeSettings


async def ends(settings: RuntimeSettings, since: str | None = None) -> dict[str, HistoryRecord]:
    """The end of each run by its id. An end that was recorded twice counts once; after a redrive the later one does."""
    found: dict[str, HistoryRecord] = {}
    async for record in read(settings, HISTORY, times.moment(since)):
        try:
            one = HistoryRecord.read(record.value)
        except ValidationError:  # another team's record, or a newer version's: not ours to judge
            continue
        known = found.get(one.run_id)
        if known is None or (known.outcome is Outcome.DEAD and one.at > known.at):
            found[one.run_id] = one
    return found
