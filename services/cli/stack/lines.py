"""A service's JSON log line as one readable line: time, service, event, fields."""

from __future__ import annotations

import json
import threading
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

SERVICES = {"run": "bold green", "ingest": "cyan", "tools": "magenta", "actions": "blue", "closum": "green"}
LEVELS = {"warning": "yellow", "error": "bold red", "critical": "bold red"}
OWN_COLUMNS = frozenset({"service", "level", "timestamp", "event", "exception"})
WIDTH = 8


def readable(service: str, line: str) -> Text:
    """One line for the terminal. What is no JSON object is shown as it is."""
    text = Text()
    fields = _fields(line)
    if fields is None:
        text.append(f"{'':8} {service:<{WIDTH}} ", style=SERVICES.get(service, ""))
        text.append(line)
        return text
    text.append(f"{_time(fields.get('timestamp'))} ", style="dim")
    text.append(f"{service:<{WIDTH}} ", style=SERVICES.get(service, ""))
    text.append(str(fields.get("event", "")), style=LEVELS.get(str(fields.get("level")), "bold"))
    for name, value in fields.items():
        if name not in OWN_COLUMNS:
            text.append(f"  {name}=", style="dim")
            text.append(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    if fields.get("exception"):
        text.append(f"\n{fields['exception']}", style="red")
    return text


def _fields(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _time(stamp: object) -> str:
    try:
        return datetime.fromisoformat(str(stamp)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return " " * 8


class Log:
    """Writes lines of several threads to one terminal, whole."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()

    def __call__(self, service: str, line: str) -> None:
        """One line of a service."""
        with self._lock:
            self._console.print(readable(service, line), soft_wrap=True)
