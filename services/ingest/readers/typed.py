"""A source whose events are of several types, told apart by a header or by a field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.triggers.payload import Payload
from services.flows.declared_triggers import at
from services.ingest.readers.reader import Item, Reader, ReceivedBody


class Typed:
    """Each type has a reader of its own; what is of none of them is read by the general one."""

    def __init__(
        self, general: Reader, readers: Mapping[str, Reader], *, header: str | None, pointers: Sequence[str]
    ) -> None:
        own = (trigger for reader in readers.values() for trigger in reader.triggers)
        self.triggers: tuple[type[Payload], ...] = (*general.triggers, *own)
        self._general = general
        self._readers = readers
        self._header = header
        self._pointers = pointers

    def read(self, sent: ReceivedBody) -> Sequence[Item]:
        """The events of a body, by the reader of its type."""
        return self._readers.get(self._type(sent), self._general).read(sent)

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The body as it is."""
        return value

    def _type(self, sent: ReceivedBody) -> str:
        if self._header is not None:
            return sent.header(self._header)
        found = (at(sent.value, pointer) for pointer in self._pointers)
        return next((value for value in found if isinstance(value, str) and value), "")
