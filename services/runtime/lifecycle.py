"""How a service begins and ends: settings, logs, one event loop, SIGTERM and Ctrl-C end it cleanly, once."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from services.runtime import logging, settings

S = TypeVar("S", bound=settings.RuntimeSettings)
WRONG_SETTING = 2


def stop_signal() -> asyncio.Event:
    """An event that is set by SIGTERM or Ctrl-C."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def until(stop: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Run the work until `stop` is set or one part of it ends or fails; a failure is raised."""
    tasks = [asyncio.create_task(part) for part in work]
    waiter = asyncio.create_task(stop.wait())
    done, pending = await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        if task is not waiter:
            task.result()


async def patiently(what: str, make: Callable[[], Awaitable[Any]], stop: asyncio.Event) -> Any:  # noqa: ANN401 - hands through
    """Try again, every second, until Kafka or PostgreSQL is there or the service is told to stop."""
    log = logging.get("lifecycle")
    while not stop.is_set():
        try:
            return await make()
        except (OSError, ConnectionError, TimeoutError, RuntimeError) as error:
            log.warning("start.delayed", waiting_for=what, cause=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1.0)
    raise SystemExit(0)


def end_with_parent() -> None:
    """End as on SIGTERM when standard input closes: `flows dev` holds its other end, so a killed parent leaves nothing."""

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        signal.raise_signal(signal.SIGTERM)
        time.sleep(25)  # longer than the drain; then no mercy
        signal.raise_signal(signal.SIGKILL)

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
        print(f"closum-flows {service} did not start: a setting is wrong.\n{error}", file=sys.stderr)
        raise SystemExit(WRONG_SETTING) from None
    logging.configure(service, loaded.log_level.upper())
    if arguments.end_with_parent:
        end_with_parent()
    return loaded


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a service's main on uvloop until it ends."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
