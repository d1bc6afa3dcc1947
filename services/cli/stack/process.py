"""One service as a child process: its lines are passed on and kept; it ends when we do, however we end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

Sink = Callable[[str, str], None]
"""Gets each line: the service's name, the line."""
TAIL = 25
BIG_LOG_BYTES = 20_000_000


class Service:
    """A child that runs `python -m <module>`. It holds the other end of a pipe: when we die, it ends."""

    def __init__(self, name: str, module: str, arguments: tuple[str, ...] = ()) -> None:
        self.name = name
        self._command = (sys.executable, "-m", module, "--end-with-parent", *arguments)
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    def start(self, environ: Mapping[str, str], logs: Path, sink: Sink) -> None:
        """Start it. Its output goes to `logs` and to `sink`, which is called from another thread."""
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"{self.name}.log"
        if log.exists() and log.stat().st_size > BIG_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            start_new_session=True,  # Ctrl-C in the terminal is ours to pass on, in our order
        )
        self._reader = threading.Thread(target=self._read, args=(self._process, log, sink), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[bytes], log: Path, sink: Sink) -> None:
        if process.stdout is None:
            return
        with process.stdout as output, log.open("ab") as file:
            for raw in output:
                file.write(raw)
                file.flush()
                line = raw.decode(errors="replace").rstrip("\n")
                self._tail.append(line)
                sink(self.name, line)

    @property
    def pid(self) -> int | None:
        """Its process, once started."""
        return self._process.pid if self._process else None

    def exit_code(self) -> int | None:
        """How it ended; None while it runs, or before it was started."""
        return self._process.poll() if self._process else None

    def tail(self) -> list[str]:
        """Its last lines."""
        if self._reader is not None and self.exit_code() is not None:
            self._reader.join(2)
        return list(self._tail)

    def ask_to_end(self) -> None:
        """Ask it to end; `wait_end` waits. More than once does nothing more."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def wait_end(self, seconds: float) -> None:
        """Return when it has ended; force it after so many seconds."""
        if self._process is None:
            return
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join(2)
