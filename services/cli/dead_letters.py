"""The dead letters of all topics, for commands."""

from __future__ import annotations

from services.cli import times
from services.cli.topic_records import unread
from services.runtime.dead_letters.letters import FoundDeadLetter, read_all
from services.runtime.kafka import topic_reading
from services.runtime.settings import RuntimeSettings


async def letters(settings: RuntimeSettings, since: str | None = None) -> list[FoundDeadLetter]:
    """All dead letters of all topics, oldest first. Raises CommandError."""
    topic_reading.quietly()
    try:
        return await read_all(settings, times.moment(since))
    except (topic_reading.UnreachableError, topic_reading.NoTopicError) as error:
        raise unread(settings, error) from None
