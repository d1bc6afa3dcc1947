"""A service as a process: killed, paused, started again. One that ends by itself is started again too, and told of."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

STOP_SECONDS = 30.0
RESTART_SECONDS = 1.0
WELL = (0, -signal.SIGTERM)
"""How a process may end at SIGTERM: by itself, whether all parts are there or none is; or before it has begun."""
_CONSUMED = re.compile(r"^flows_(?:records_consumed|events_accepted)_total\{[^}]*\} ([0-9.e+]+)$", re.MULTILINE)


@dataclass
class Service:
    """`python -m services.<module>`, over all its starts. It ends when we do: it holds the end of a pipe of ours."""

    name: str
    environ: Mapping[str, str]
    log: Path
    health_port: int
    faults: list[str] = field(default_factory=list)
    _process: subprocess.Popen[bytes] | None = None
    _wanted: bool = False

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"services.{self.name.partition('-')[0]}", "--end-with-parent"],
                env=dict(self.environ),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours
            )
        self._wanted = True

    def kill(self) -> None:
        """SIGKILL, also of one that is paused. Twice is once."""
        self._wanted = False
        if self._process is not None:
            self._process.kill()
            self._ended(self._process.wait())

    async def stop(self) -> None:
        """SIGTERM. One that does not end, or not well, is a fault."""
        self._wanted = False
        if self._process is None or self._process.poll() is not None:
            return
        begun = time.monotonic()
        self._process.terminate()
        while (code := self._process.poll()) is None:
            if time.monotonic() - begun > STOP_SECONDS:
                self.faults.append(f"{self.name} does not end within {STOP_SECONDS:.0f} s of SIGTERM")
                self.kill()
                return
            await asyncio.sleep(0.05)
        self._ended(code)
        if code not in WELL:
            self.faults.append(f"{self.name} ended with {code} at SIGTERM")

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP or SIGCONT, if it runs."""
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    async def keep(self) -> None:
        """Until cancelled: what ends by itself is started again, as Kubernetes would."""
        while True:
            if self._wanted and self._process is not None and (code := self._process.poll()) is not None:
                self._ended(code)
                self.faults.append(f"{self.name} ended by itself, with {code}")
                await asyncio.sleep(RESTART_SECONDS)
                if self._wanted:
                    self.start()
            await asyncio.sleep(0.1)

    async def ready(self, session: aiohttp.ClientSession) -> bool:
        """What it says itself."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with session.get(f"http://127.0.0.1:{self.health_port}/readyz") as answer:
                return answer.status == 200
        return False

    async def done(self, session: aiohttp.ClientSession) -> float:
        """How much it has done since its start: records that it took, or events."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with session.get(f"http://127.0.0.1:{self.health_port}/metrics") as answer:
                return sum(float(found) for found in _CONSUMED.findall(await answer.text()))
        return 0.0

    def _ended(self, _code: int) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
