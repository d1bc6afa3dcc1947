"""Bodies that carry several events: where the list of them stands, as a pointer with `*` for each item on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import ValidationError

from contracts.triggers.payload import Payload
from services.ingest.body import parse
from services.ingest.http_problems import Refused, invalid
from services.ingest.readers.reader import Item, Path, Reader, ReceivedBody, item

EACH = "*"
MOST_ITEMS = 1000


class Items:
    """Each item of the list is read as a body of its own. `pointer`: `""` is the whole body, `/entry/*/changes` nested.

    What stands there alone is a list of one: XML and forms cannot tell the two apart. A text there is read as JSON, as
    forms carry it in a field. An empty list holds no event. An item that is none stops no other.
    """

    def __init__(self, pointer: str, reader: Reader) -> None:
        self.triggers: tuple[type[Payload], ...] = reader.triggers
        self._parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
        self._pointer = pointer
        self._reader = reader

    def read(self, sent: ReceivedBody) -> Sequence[Item]:
        """What is in each item, in order. Raises pydantic.ValidationError: there is no list, or it is too long."""
        items = list(self._items(sent.value))
        if len(items) > MOST_ITEMS:
            raise invalid("items", f"has more than {MOST_ITEMS} items", ())
        # A text that holds the list is parsed once, and not for each of its items.
        whole = replace(sent, value=_changed(sent.value, self._parts, lambda value: value))
        return [one for number, (path, value) in enumerate(items) for one in self._item(whole, number, path, value)]

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The body without what people must not see, which is declared of an item."""
        return _changed(value, self._parts, self._reader.shown)

    def _item(self, sent: ReceivedBody, number: int, path: Path, value: object) -> Sequence[Item]:
        # The id of an envelope is that of all that is in it.
        identity = sent.identity and f"{sent.identity} {sent.again or number}"
        one = replace(sent, value=value, identity=identity, path=(*sent.path, *path))
        alone = partial(self._alone, sent.value, path)
        return item(partial(self._reader.read, one), self.triggers[0].trigger, one.path, alone)

    def _alone(self, body: Any, path: Path) -> Any:  # noqa: ANN401 - any JSON value
        return self.shown(only(body, path))

    def _items(self, body: object) -> Iterator[tuple[Path, object]]:
        found: list[tuple[Path, Any]] = [((), body)]
        for part in self._parts:
            found = [one for path, value in found for one in _below(path, value, part)]
            if not found and part != EACH:
                raise invalid("items", f"there is no list at {self._pointer!r}", ())
        for path, value in found:
            yield from _listed(path, _plain(path, value))


def only(body: Any, path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """What stands at `path`, and nothing beside the way to it: an item is read by itself, so it needs no more."""
    if not path:
        return body
    name, rest = path[0], path[1:]
    if isinstance(body, list):
        return [only(body[int(name)], rest)]
    return {name: only(body[name], rest)}


def _changed(value: Any, parts: Sequence[str], change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any JSON value
    """The body with every item changed; what has no items there is as it was."""
    if not parts:
        return _items_changed(value, change)
    name, rest = parts[0], parts[1:]
    if name == EACH:
        return (
            [_changed(one, rest, change) for one in value] if isinstance(value, list) else _changed(value, rest, change)
        )
    if isinstance(value, dict) and name in value:
        return {**value, name: _changed(value[name], rest, change)}
    return value


def _items_changed(value: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - any JSON value
    try:
        value = _plain((), value)
    except ValidationError:
        return value
    return [change(one) for one in value] if isinstance(value, list) else change(value)


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
