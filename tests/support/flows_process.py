"""A `flows dev` or `flows demo` that runs beside the test, and what it prints."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.flows_command import environ


class Running:
    """The process and its output so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def until(self, text: str, seconds: float = 60) -> str:
        """Wait for a line that holds the text, and answer it."""
        deadline = time.monotonic() + seconds
        while True:
            for line in list(self.lines):
                if text in line:
                    return line
            assert self.process.poll() is None, self.everything()
            assert time.monotonic() < deadline, f"no {text!r} after {seconds} s:\n{self.everything()}"
            time.sleep(0.05)

    def end(self, seconds: float = 40) -> int:
        """Wait for its end, and answer its exit code."""
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def everything(self) -> str:
        """All that it printed."""
        return "\n".join(self.lines)


@contextlib.contextmanager
def flows_process(*arguments: str, cwd: Path) -> Iterator[Running]:
    """Start it; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=cwd,
        env=environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running = Running(process)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
        running.end()
