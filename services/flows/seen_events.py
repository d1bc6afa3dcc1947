"""An event that comes again: what tells a repetition from another one under the same id, and how each is told."""

from __future__ import annotations

import orjson

from contracts.events import Event
from contracts.ids import stable_id

SEEN = "seen before"
OTHER_CONTENT = "its id came before, with other content: see `id` and `same_id` of its source"


def content_of(event: Event) -> str:
    """What it says, as a hash; empty where its id is made of that."""
    return "" if event.contentid is not None else stable_id(orjson.dumps(event.data, option=orjson.OPT_SORT_KEYS))
