"""All that a flow may name, composed from the three places that declare it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

import services.tools.catalog
from services.actions.registry import signatures
from services.cli.terminal import CommandError
from services.flows.catalogue import Catalogue, collect
from services.project import sources_files


def catalogue(paths: Sequence[Path] = ()) -> Catalogue:
    """The catalogue that services/tools and services/actions of this version work with.

    `paths` are those of the flows: the triggers of sources files beside them belong to it.
    Raises CommandError for a sources file that is wrong.
    """
    return with_triggers(sources_files.triggers(paths))


def with_triggers(triggers: Mapping[str, type[BaseModel]]) -> Catalogue:
    """The catalogue with these triggers."""
    return Catalogue(dict(triggers), collect(services.tools.catalog), signatures())


def connection_names(file: Path) -> frozenset[str]:
    """The names that a connections file gives. Its secrets are not read. Raises CommandError."""
    try:
        content = YAML(typ="safe").load(file.read_text())
        return frozenset(content["connections"])
    except OSError as error:
        raise CommandError(f"cannot read the connections file {str(file)!r}: {error.strerror}") from None
    except (YAMLError, KeyError, TypeError) as error:
        raise CommandError(
            f"{str(file)!r} is no connections file (see deploy/config/connections.yaml): {error}"
        ) from None
