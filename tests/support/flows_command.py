"""The `flows` command as a person runs it, in a folder of its own: in this process, or in one of its own."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from services.cli.__main__ import main

OURS = ("KAFKA_BOOTSTRAP", "DATABASE_URL", "FLOWS_", "HOOK_TOKEN_", "CLOSUM_", "CRM_")
SERVERS = frozenset({"dev", "demo"})
"""They start processes and hold the signals: they need a process of their own."""

_one_at_a_time = threading.Lock()


def environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The process's environment without any setting of ours, and `more`."""
    rest = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**rest, "COLUMNS": "200", "NO_COLOR": "1", **(more or {})}


def flows(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, seconds: float = 60, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it to its end; `text` is its standard input.

    In this process, which is a second or two faster: its output, exit code, folder and environment are those of a
    process, and what goes on beside it keeps its own output. Two at once take turns: `spawned` is for what races.
    """
    if SERVERS.intersection(arguments[:1]):
        return spawned(*arguments, cwd=cwd, env=env, seconds=seconds, text=text)
    run = _Run(arguments, text)
    with _one_at_a_time, _as_a_process(run, cwd, environ(env)):
        thread = threading.Thread(target=run, name=" ".join(("flows", *arguments)), daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            raise subprocess.TimeoutExpired(run.command, seconds, run.out.getvalue(), run.err.getvalue())
    return subprocess.CompletedProcess(run.command, run.code, run.out.getvalue(), run.err.getvalue())


def spawned(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, seconds: float = 60, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run it to its end in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=cwd,
        env=environ(env),
        input=text,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@dataclass
class _Run:
    """One command at work. It runs in a thread: this one's event loop is pytest-asyncio's."""

    arguments: tuple[str, ...]
    text: str
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)
    code: int = 0

    @property
    def command(self) -> list[str]:
        """The command line."""
        return ["flows", *self.arguments]

    def __call__(self) -> None:
        """Do what the interpreter does around a program."""
        _running.set(self)
        try:
            main()
        except SystemExit as end:
            self.code = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                sys.stderr.write(f"{end.code}\n")
        except BaseException:  # noqa: BLE001 - the interpreter shows it and ends with 1
            traceback.print_exc()
            self.code = 1


_running: ContextVar[_Run | None] = ContextVar("running", default=None)


class _Stream:
    """Standard output or error: the command's while it runs, in its thread and its tasks; for all others as before."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._before: Any = getattr(sys, f"std{name}")

    def __getattr__(self, name: str) -> Any:
        run = _running.get()
        return getattr(self._before if run is None else getattr(run, self._name), name)


class _LastResort(logging.Handler):
    """What a library logs where nobody has set up logs comes to standard error, as in a process."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning of the command."""
        if _running.get() is not None:
            sys.stderr.write(f"{self.format(record)}\n")


@contextlib.contextmanager
def _as_a_process(run: _Run, cwd: Path, env: Mapping[str, str]) -> Iterator[None]:
    """All that a process has of its own, for this run. Nothing of it stays."""
    levels = _levels()
    last_resort = _LastResort(logging.WARNING)
    logging.getLogger().addHandler(last_resort)
    try:
        with (
            contextlib.chdir(cwd),
            mock.patch.dict(os.environ, env, clear=True),
            mock.patch.object(sys, "argv", run.command),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(run.text.encode()), "utf-8")),
            mock.patch.object(sys, "stdout", _Stream("out")),
            mock.patch.object(sys, "stderr", _Stream("err")),
        ):
            yield
    finally:
        logging.getLogger().removeHandler(last_resort)
        for name in _levels():
            logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))


def _levels() -> dict[str, int]:
    named = logging.getLogger().manager.loggerDict
    return {name: found.level for name, found in list(named.items()) if isinstance(found, logging.Logger)}
