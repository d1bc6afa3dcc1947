"""How a service begins and ends: settings, logs, one event loop, SIGTERM and Ctrl-C end it cleanly, once.

    if __name__ == "__main__":
        settings = lifecycle.begin("tools", "The stream processor.", ToolsSettings)
        lifecycle.run(main(settings))

Exit codes: 0 after a clean end, 2 for a wrong setting, 130 after a second Ctrl-C, 1 for anything else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import asyncpg
import uvloop

from services.runtime import garbage_collector, logging, metrics, settings
from services.runtime.back_off import BackOff
from services.runtime.cures import curable
from services.runtime.version import version

S = TypeVar("S", bound=settings.RuntimeSettings)
T = TypeVar("T")
WRONG_SETTING = 2
STDIN = 0


def stop_signal() -> asyncio.Event:
    """An event that is set by SIGTERM or Ctrl-C. A second Ctrl-C ends the process at once: somebody has lost patience.

    A SIGTERM after a Ctrl-C does not: from one Ctrl-C in a terminal a child gets the terminal's SIGINT and its parent's
    SIGTERM.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    interrupts = 0

    def interrupted() -> None:
        nonlocal interrupts
        interrupts += 1
        if interrupts > 1:
            os._exit(128 + signal.SIGINT)
        stop.set()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, interrupted)
    return stop


async def until(stop: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Run the work until `stop` is set or one part of it ends or fails; a failure is raised."""
    tasks = [asyncio.create_task(part) for part in work]
    waiter = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (waiter, *tasks):
            task.cancel()
        await asyncio.gather(waiter, *tasks, return_exceptions=True)
    for task in done:
        if task is not waiter:
            task.result()


async def patiently(what: str, make: Callable[[], Awaitable[T]], stop: asyncio.Event) -> T:
    """Try again until Kafka or PostgreSQL is there or the service is told to stop. Each change of the cause is logged.

    Raises SettingsError when PostgreSQL refuses the user, and SystemExit(0) when told to stop. What
    no waiting cures is raised.
    """
    log = logging.get("lifecycle")
    back_off = BackOff()
    while not stop.is_set():
        try:
            made = await make()
        except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.exceptions.ClientConfigurationError) as error:
            raise settings.SettingsError(f"DATABASE_URL: {error}. Look at its user and password") from error
        except Exception as error:
            if not curable(error):
                raise
            if back_off.news(error):
                log.warning("start.delayed", waiting_for=what, cause=f"{type(error).__name__}: {error}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), back_off.failed())
        else:
            if back_off.attempt:
                log.info("start.continued", waited_for=what, attempts=back_off.attempt)
            return made
    raise SystemExit(0)


def end_with_parent(drain_seconds: float = 20.0) -> None:
    """End as on SIGTERM when standard input closes: `flows dev` holds its other end, so that no orphan stays."""

    def watch() -> None:
        # Not sys.stdin: its lock, held by this thread, would abort the interpreter at its end.
        while os.read(STDIN, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(drain_seconds + 5)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()


def begin(service: str, about: str, kind: type[S]) -> S:
    """Read the command line and the settings, set up logs. Exit 2 with a plain text on a wrong setting."""
    parser = argparse.ArgumentParser(
        prog=f"python -m services.{service}",
        description=about,
        epilog="Settings (environment variables):\n" + settings.help_text(kind),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--end-with-parent", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    try:
        loaded = settings.load(kind)
    except settings.SettingsError as error:
        raise refused(error) from None
    logging.configure(service, loaded.log_level.upper())
    metrics.BUILD.labels(version()).set(1)
    if arguments.end_with_parent:
        end_with_parent(loaded.drain_seconds)
    return loaded


def refused(error: settings.SettingsError) -> SystemExit:
    """Say on stderr what is wrong, without a stack trace; the answer is to be raised."""
    print(f"closum-flows did not start: a setting is wrong.\n{error}", file=sys.stderr)
    return SystemExit(WRONG_SETTING)


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a service's main on uvloop until it ends. A SettingsError that it raises ends the process as in `begin`."""
    garbage_collector.tune()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    except settings.SettingsError as error:
        raise refused(error) from None
