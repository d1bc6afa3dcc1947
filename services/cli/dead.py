"""`flows dead list|show`: what could not be done, from the topics `*.dlq`."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Annotated, Any

from aiokafka import ConsumerRecord
from cyclopts import App, Parameter
from pydantic import ValidationError

from contracts.dead_letters import DeadLetter
from contracts.topics import DLQ_OF, Topic
from services.cli import place, times
from services.cli.records import read
from services.cli.terminal import CommandError, console, show
from services.runtime.settings import RuntimeSettings

COLUMNS = ("id", "at", "code", "who_must_act", "flow", "step", "attempts", "cause")
command = App(
    name="dead",
    help="Dead letters: what could not be done, why, and who must act.",
    help_epilogue="",
    help_format="markdown",
)


@dataclass(frozen=True)
class Found:
    """A dead letter where it lies. Its id is topic/partition/offset, such as `actions.dlq/0/12`."""

    id: str
    letter: DeadLetter | None  # None: the headers are not ours
    value: bytes

    def row(self) -> dict[str, Any]:
        """Its headers as a row."""
        if self.letter is None:
            return {"id": self.id, "cause": "its headers are not those of a dead letter"}
        return {"id": self.id, **self.letter.model_dump(mode="json")}


@command.command(name="list")
def list_letters(
    *,
    since: str | None = None,
    limit: int = 50,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """What could not be done, why, and who must act. Newest last.

    Parameters
    ----------
    since:
        Only letters after this: 30m, 2h, 7d, or a date and time.
    limit:
        At most so many, the newest.
    as_json:
        Print a JSON array with every field.
    """
    found = asyncio.run(letters(place.settings(), since))[-limit:]
    rows = [one.row() if as_json else {**one.row(), **_clock(one)} for one in found]
    show(rows, COLUMNS, as_json=as_json, empty="There are no dead letters.")


def _clock(one: Found) -> dict[str, str]:
    return {"at": times.clock(one.letter.at)} if one.letter else {}


@command.command(name="show")
def show_letter(identity: Annotated[str, Parameter(name="ID")]) -> None:
    """One dead letter: its headers, and the original message untouched.

    Parameters
    ----------
    identity:
        The id that `flows dead list` shows, such as actions.dlq/0/12.
    """
    for one in asyncio.run(letters(place.settings())):
        if one.id == identity:
            for name, value in one.row().items():
                if value is not None:
                    console().print(f"{name.replace('_', ' '):>13}  {value}")
            console().print(f"\n{_readable(one.value)}")
            return
    raise CommandError(f"there is no dead letter {identity!r}. `flows dead list` shows what there is")


async def letters(settings: RuntimeSettings, since: str | None = None) -> list[Found]:
    """All dead letters of all topics, oldest first."""
    at = times.moment(since)
    found: list[tuple[int, Found]] = []
    for topic in DLQ_OF.values():
        found += [(record.timestamp, _found(topic, record)) async for record in read(settings, topic, at)]
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _found(topic: Topic, record: ConsumerRecord[bytes, bytes]) -> Found:
    try:
        letter = DeadLetter.from_headers(tuple(record.headers))
    except (ValidationError, ValueError):
        letter = None
    return Found(f"{topic.name}/{record.partition}/{record.offset}", letter, record.value or b"")


def _readable(value: bytes) -> str:
    try:
        return json.dumps(json.loads(value), ensure_ascii=False, indent=2)
    except ValueError:
        return repr(value)
