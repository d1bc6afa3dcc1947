"""What parts are given of the world beside Kafka, PostgreSQL and HTTP: time and chance. Waits are the event loop's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class World:
    """`now`: seconds that only rise, as the event loop's. `wall`: seconds since 1970. `chance`: from 0 to below 1."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random


REAL = World()
"""The process's own."""
