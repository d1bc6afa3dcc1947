"""Telling a person what a part is doing while they wait for it."""

import sys
import threading
import time
from collections.abc import Callable

Progress = Callable[[str, str], None]
"""Called with the part (`kafka`, `postgres`) and what it does now. Many times a second, from several threads.

An exception that it raises abandons the start.
"""


def silent(part: str, text: str) -> None:
    """Tell nobody."""


def on_stderr() -> Progress:
    """Write to stderr: one line that is rewritten on a terminal, else a line for each part every two seconds."""
    lock = threading.Lock()
    latest: dict[str, str] = {}
    written: dict[str, tuple[str, float]] = {}
    terminal = sys.stderr.isatty()
    width = 0

    def show(part: str, text: str) -> None:
        nonlocal width
        with lock:
            if latest.get(part) == text:
                return
            latest[part] = text
            if terminal:
                line = "   ".join(f"{name}: {what}" for name, what in latest.items())
                print(f"\r{line:<{width}}", end="", file=sys.stderr, flush=True)
                width = len(line)
                if all(what.startswith("ready") for what in latest.values()):
                    print(file=sys.stderr, flush=True)
                    width = 0
                return
            kind = text.split(" ", 1)[0]
            last_kind, at = written.get(part, ("", 0.0))
            if kind != last_kind or time.monotonic() - at >= 2:  # noqa: PLR2004
                written[part] = (kind, time.monotonic())
                print(f"{part}: {text}", file=sys.stderr, flush=True)

    return show
