"""All that a flow may name, composed from the three places that declare it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

import services.tools.catalog
from services.actions.action import Implementation
from services.actions.registry import ACTIONS, ENDPOINTS, shown_answers, signatures, writes_of
from services.closum.facts import WEBHOOKS, Facts
from services.flows.catalogue import Catalogue, collect
from services.project import sources_files
from services.project.closum_facts import facts, typed

__all__ = ["ACTIONS", "ENDPOINTS", "Implementation", "catalogue", "stand_in_answers", "with_triggers", "writes_of"]


def catalogue(paths: Sequence[Path] = ()) -> Catalogue:
    """The catalogue that services/tools and services/actions of this version work with.

    `paths` are those of the flows: the triggers of sources files beside them belong to it. Raises ProjectError for a
    sources file that is wrong.
    """
    return with_triggers(sources_files.triggers(paths), facts())


def stand_in_answers() -> dict[str, dict[str, object]]:
    """What a stand-in Closum answers by each action's first example, by path: it knows what was added just now."""
    return shown_answers(ACTIONS)


def with_triggers(triggers: Mapping[str, type[BaseModel]], known: Facts) -> Catalogue:
    """The catalogue with these triggers, as Closum is known to be."""
    read = {name: known.trigger(model) if name in WEBHOOKS else model for name, model in triggers.items()}
    return Catalogue(read, collect(services.tools.catalog), typed(signatures(), known))
