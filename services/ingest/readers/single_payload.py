"""A body is one payload of one trigger, or of one declared shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.triggers.payload import Payload
from services.ingest.readers.reader import Reading, ReceivedBody


class SinglePayload:
    """The reader of a source with a `trigger`, a `schema` or an `example`."""

    def __init__(self, trigger: type[Payload], id_header: str | None = None) -> None:
        self.triggers: tuple[type[Payload], ...] = (trigger,)
        self._trigger = trigger
        self._id_header = id_header

    def read(self, sent: ReceivedBody) -> Sequence[Reading]:
        """The one event. Its id: of the envelope, else of the declared header, else the payload's own."""
        payload = self._trigger.read(sent.value, texts=sent.texts)
        identity = sent.identity
        if identity is None and self._id_header is not None and (found := sent.header(self._id_header)):
            identity = f"{found} {sent.place}" if sent.place else found
        return (Reading(payload, identity or payload.own_id(), sent.time or payload.happened(), sent.subject),)

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The body as it is."""
        return value
