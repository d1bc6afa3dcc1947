"""Waiting until a service is ready: it says so itself, at its health address."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from services.cli.stack.process import Service
from services.cli.terminal import CommandError

DEADLINE_SECONDS = 90.0
PAUSE_SECONDS = 0.1
# Never through a proxy of the environment: these are our own addresses.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def died(service: Service) -> CommandError:
    """The error for a service that ended by itself, with its last lines."""
    lines = "\n".join(f"  {line}" for line in service.tail())
    code = service.exit_code()
    how = f"by signal {-code}" if code is not None and code < 0 else f"with exit code {code}"
    return CommandError(f"{service.name} ended {how}. Its last lines:\n{lines or '  (none)'}")


def wait(services: dict[str, Service], addresses: dict[str, str], told: Callable[[str], None]) -> None:
    """Return when each service answers 200 at its address. Raises CommandError when one dies or is never ready."""
    waiting = dict(addresses)
    faults: dict[str, str] = {}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while waiting:
        for name, url in list(waiting.items()):
            if services[name].exit_code() is not None:
                raise died(services[name])
            fault = _fault(url)
            if fault is None:
                del waiting[name]
                told(name)
            else:
                faults[name] = fault
        if waiting and time.monotonic() > deadline:
            said = "; ".join(f"{name}: {faults[name]}" for name in waiting)
            raise CommandError(f"not ready after {DEADLINE_SECONDS:.0f} s: {said}")
        if waiting:
            time.sleep(PAUSE_SECONDS)


def _fault(url: str) -> str | None:
    """Why it is not ready; None when it is."""
    try:
        with _OPENER.open(url, timeout=3):
            return None
    except urllib.error.HTTPError as error:
        with error:
            try:
                return json.dumps(json.load(error).get("faults"))
            except (ValueError, AttributeError):
                return f"HTTP {error.code}"
    except OSError as error:
        return str(error)
