"""Bodies that carry several events: where the list of them stands, as a pointer with `*` for each item on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from contracts.triggers.payload import Payload
from services.ingest.body import parse
from services.ingest.http_problems import Refused, further_down, invalid
from services.ingest.readers.reader import Reader, Reading, ReceivedBody

EACH = "*"
MOST_ITEMS = 1000
Path = tuple[str | int, ...]


class Items:
    """Each item of the list is read as a body of its own. `pointer`: `""` is the whole body, `/entry/*/changes` nested.

    What stands there alone is a list of one: XML and forms cannot tell the two apart. A text there is read as JSON, as
    forms carry it in a field. An empty list holds no event.
    """

    def __init__(self, pointer: str, reader: Reader) -> None:
        self.triggers: tuple[type[Payload], ...] = reader.triggers
        self._parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
        self._pointer = pointer
        self._reader = reader

    def read(self, sent: ReceivedBody) -> Sequence[Reading]:
        """The events of all items, in order. Raises pydantic.ValidationError: there is no list, or it is too long."""
        items = list(self._items(sent.value))
        if len(items) > MOST_ITEMS:
            raise invalid("items", f"has more than {MOST_ITEMS} items", ())
        return [
            reading for number, (path, item) in enumerate(items) for reading in self._item(sent, number, path, item)
        ]

    def _item(self, sent: ReceivedBody, number: int, path: Path, item: object) -> Sequence[Reading]:
        # The id of an envelope is that of all that is in it.
        identity = sent.identity and f"{sent.identity} {number}"
        try:
            return self._reader.read(replace(sent, value=item, identity=identity, path=(*sent.path, *path)))
        except ValidationError as error:
            raise further_down(error, path) from None

    def _items(self, body: object) -> Iterator[tuple[Path, object]]:
        found: list[tuple[Path, Any]] = [((), body)]
        for part in self._parts:
            found = [one for path, value in found for one in _below(path, value, part)]
            if not found and part != EACH:
                raise invalid("items", f"there is no list at {self._pointer!r}", ())
        for path, value in found:
            yield from _listed(path, _plain(path, value))


def _below(path: Path, value: object, part: str) -> list[tuple[Path, Any]]:
    if part == EACH:
        return list(_listed(path, value))
    return [((*path, part), value[part])] if isinstance(value, dict) and part in value else []


def _listed(path: Path, value: object) -> Iterator[tuple[Path, object]]:
    if isinstance(value, list):
        yield from (((*path, index), item) for index, item in enumerate(value))
    elif value is not None:
        yield path, value


def _plain(path: Path, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse(value.encode())
    except Refused:
        raise invalid("items", "is a text that is no JSON", path) from None
