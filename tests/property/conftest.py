"""The world of state machines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.machines import World


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """PostgreSQL, for one machine."""
    made = World(database_url)
    yield made
    made.close()
