"""What a start shows while it lasts: one living line on a terminal, a line for each news elsewhere."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from rich.console import Console

from services.cli.stack.stack import Progress

SAID = ("ready",)


@contextlib.contextmanager
def shown(out: Console) -> Iterator[Progress]:
    """A progress that shows itself on `out` until the block ends."""
    latest: dict[str, str] = {}
    lock = threading.Lock()
    with out.status("Starting …") if out.is_terminal else contextlib.nullcontext() as status:

        def told(part: str, text: str) -> None:
            with lock:
                first = text.split(" ", 1)[0]
                news = latest.get(part, "").split(" ", 1)[0] != first
                latest[part] = text
                if status is not None:
                    waiting = [f"{name}: {what}" for name, what in latest.items() if not what.startswith(SAID)]
                    status.update("   ".join(waiting) or "Starting …")
                elif news:  # a download tells of itself many times a second
                    out.print(f"{part}: {text}")

        yield told
