"""`python -m tests.bench.shifted_actions`: services.actions whose clock jumps five days on at each SIGUSR1."""

from __future__ import annotations

import signal
import time

from contracts.topics import DAY_SECONDS
from services.actions import connections, service
from services.actions.settings import ActionsSettings
from services.actions.world import World
from services.runtime import lifecycle

DAYS = 5


class Jumped:
    """How far the clock is ahead."""

    seconds = 0.0

    def jump(self, *_: object) -> None:
        """Five days on."""
        self.seconds += DAYS * DAY_SECONDS


def main() -> None:
    """As services.actions does it, in another time."""
    settings = lifecycle.begin("actions", "", ActionsSettings)
    ahead = Jumped()
    signal.signal(signal.SIGUSR1, ahead.jump)
    world = World(now=lambda: time.monotonic() + ahead.seconds, wall=lambda: time.time() + ahead.seconds)
    lifecycle.run(service.run(settings, connections.load(settings.connections_file), world))


if __name__ == "__main__":
    main()
