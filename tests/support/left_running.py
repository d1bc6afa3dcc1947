"""Which processes of a folder's stack still run."""

from __future__ import annotations

import time
from pathlib import Path

import psutil


def left_running(folder: Path) -> list[str]:
    """The command lines of processes that name the folder in a whole argument, or were started by its stack."""
    found = []
    for process in psutil.process_iter():
        try:
            words, environ = process.cmdline(), process.environ()
            gone = process.status() == psutil.STATUS_ZOMBIE
        except psutil.Error:
            continue
        inside = environ.get("STACK_FOLDER", "").startswith(str(folder)) or any(str(folder) in word for word in words)
        if inside and not gone:
            found.append(" ".join(words)[:200])
    return found


def wait_for_none(folder: Path, seconds: float) -> None:
    """Return when none runs. Fails, naming them, when some still do after so many seconds."""
    deadline = time.monotonic() + seconds
    while left := left_running(folder):
        assert time.monotonic() < deadline, f"still running after {seconds} s: {left}"
        time.sleep(0.1)
