"""WhatsApp Cloud API, without Closum between: one body carries any number of messages, statuses and other changes.

Sources of the shapes, read 2026-11-30: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
(a body is up to 3 MB) and the references below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from contracts.triggers.payload import Payload
from services.ingest.http_problems import invalid
from services.ingest.readers import whatsapp_updates
from services.ingest.readers.reader import Item, Path, Reading, ReceivedBody, item
from services.ingest.readers.whatsapp_updates import LISTS, Around, Json

OBJECT = "whatsapp_business_account"
MOST_UPDATES = 1000
CONTEXT = frozenset({"messaging_product", "metadata", "contacts"})
"""What stands beside the updates of a change, and says whom they concern."""
KNOWN = CONTEXT | LISTS.keys()


class _Update(NamedTuple):
    """One update: its list's name (empty: the change itself), where it stands, what stands around it, its change."""

    name: str
    value: Any
    path: Path
    around: Around
    change: Any = None


class WhatsAppCloud:
    """Messages become `closum.whatsapp.message_received`, statuses `whatsapp.status_updated`, each other kind its own.

    What has no kind of its own is `whatsapp.changed`. An update that cannot be read stops no other.
    """

    triggers: tuple[type[Payload], ...] = whatsapp_updates.TRIGGERS

    def read(self, sent: ReceivedBody) -> Sequence[Item]:
        """All updates of the body, in order. Raises pydantic.ValidationError: another body, or too many updates."""
        body = sent.value
        if not isinstance(body, dict) or body.get("object") != OBJECT or not isinstance(body.get("entry"), list):
            raise invalid("whatsapp_cloud", "must be what WhatsApp Cloud API sends: object and entry", ())
        updates = list(islice(_updates(body), MOST_UPDATES + 1))
        if len(updates) > MOST_UPDATES:
            raise invalid("whatsapp_cloud", f"holds more than {MOST_UPDATES} updates", ("entry",))
        return [one for update in updates for one in _read(sent, update)]

    def shown(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        """The body as it is."""
        return value


def _read(sent: ReceivedBody, update: _Update) -> Sequence[Item]:
    path, alone = (*sent.path, *update.path), partial(_alone, update)

    def made() -> Sequence[Reading]:
        if not isinstance(update.value, dict):
            raise invalid("whatsapp_cloud", "must be a JSON object", ())
        payload = whatsapp_updates.payload_of(update.name, update.value, update.around)
        return (Reading(payload, payload.own_id(), payload.happened(), None, path, alone),)

    return item(made, whatsapp_updates.trigger_of(update.name), path, alone)


def _updates(body: Json) -> Iterator[_Update]:
    found = False
    for entry, path in _each(body, "entry", ()):
        for update in _of_entry(entry, path):
            found = True
            yield update
    if not found:
        yield _Update("", {key: part for key, part in body.items() if key != "object"}, (), Around())


def _of_entry(entry: Any, path: Path) -> Iterator[_Update]:  # noqa: ANN401 - any JSON value
    if not isinstance(entry, dict) or not entry.get("changes"):
        yield _Update("", entry, path, Around.of(entry))
        return
    for change, place in _each(entry, "changes", path):
        value = change.get("value") if isinstance(change, dict) else None
        around = Around.of(entry, change)
        if not isinstance(value, dict):
            yield _Update("", change if value is None else value, place, around, change)
            continue
        yield from _of_value(value, (*place, "value"), around, change)


def _of_value(value: Json, path: Path, around: Around, change: Json) -> Iterator[_Update]:
    """Each of its lists' items; and whatever stands there that is no such list, as one."""
    named = [
        _Update(name, one, place, around, change)
        for name in LISTS
        if name in value
        for one, place in _each(value, name, path)
    ]
    if not named or not value.keys() <= KNOWN:
        rest = {name: part for name, part in value.items() if name not in LISTS}
        if not named or rest.keys() - CONTEXT:
            yield _Update("", rest, path, around, change)
    yield from named


def _each(parent: Json, name: str, path: Path) -> Sequence[tuple[Any, Path]]:
    """The items of a list, one more than are read at most; what stands there alone is a list of one."""
    found = parent.get(name)
    if isinstance(found, list):
        return [(one, (*path, name, index)) for index, one in enumerate(found[: MOST_UPDATES + 1])]
    return () if found is None else ((found, (*path, name)),)


def _alone(update: _Update) -> Any:  # noqa: ANN401 - any JSON value
    """A body with this update alone, and what of its surroundings says whom it concerns."""
    around, change = update.around, update.change
    if not update.path:
        return {"object": OBJECT, **update.value}
    if change is None:
        return {"object": OBJECT, "entry": [update.value]}
    if isinstance(change, dict) and isinstance(change.get("value"), dict):
        held = {**around.said(update.value), update.name: [update.value]} if update.name else update.value
        change = {"field": around.field, "value": held}
    return {"object": OBJECT, "entry": [{**around.entry, "changes": [change]}]}
