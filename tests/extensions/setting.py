"""A setting as a newcomer would add it: a field of its service's class, in services/actions/settings.py."""

from __future__ import annotations

from pydantic import Field

from services.actions.settings import ActionsSettings


class ActionsWithNotes(ActionsSettings):
    """What services/actions reads, and how long a note may be."""

    note_characters: int = Field(default=2000, ge=1, le=10_000, description="longest note that is written")


def cut(text: str, settings: ActionsWithNotes) -> str:
    """Where it is read: a setting that nothing reads fails a test."""
    return text[: settings.note_characters]
