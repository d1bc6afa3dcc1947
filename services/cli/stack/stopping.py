"""A stop by signal: where it may cut in, and where it waits until what was begun is whole."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop(BaseException):
    """A signal asks us to end. Not an Exception: nothing on the way may swallow it."""


class Stopping:
    """Whether a stop was asked for, and whether it may cut in now. One main thread uses it."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._waits = False
        self._uncut = 0

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Raise Stop in the main thread: once, and not where it would cut what must be whole."""
        if self.asked.is_set():
            return
        self.asked.set()
        if self._uncut:
            self._waits = True
        else:
            raise Stop

    @contextlib.contextmanager
    def uncut(self) -> Iterator[None]:
        """A block that a stop does not cut; Stop is raised at its end.

        For what has two halves, like a child that is started and then known to us: cut between them, it would be left.
        """
        self._uncut += 1
        try:
            yield
        finally:
            self._uncut -= 1
        if self._waits and not self._uncut:
            self._waits = False
            raise Stop


@contextlib.contextmanager
def stop_on_signals() -> Iterator[Stopping]:
    """SIGINT, SIGTERM and SIGHUP raise Stop in the main thread, once; the end then goes its way, bounded in time."""
    stopping = Stopping()
    before = {number: signal.signal(number, stopping.on_signal) for number in SIGNALS}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
