"""How commands speak: results on stdout, what goes wrong on stderr, every list also as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from cyclopts import Parameter, validators
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

Limit = Annotated[int, Parameter(validator=validators.Number(gte=1))]
"""How long a list may be, or how many of something there are to be."""
Port = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=65535))]
AnyPort = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]
"""0: any that is free."""
Seconds = Annotated[float, Parameter(validator=validators.Number(gt=0))]
SHORT = 12
"""Characters of a long id: enough to tell ids apart, and commands take them."""
NARROW = frozenset({"at", "id", "run_id", "name", "kind", "outcome"})
COLOURS = {
    "delivered": "green",
    "filtered": "yellow",
    "duplicate": "cyan",
    "suppressed": "cyan",
    "dead": "red",
    "unknown": "magenta",
}


class CommandError(Exception):
    """The command cannot do what was asked. The text says why and what to do; it is shown without a stack trace."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def console() -> Console:
    """The terminal, or whatever stdout is. Markup and emoji codes in data are shown as they are."""
    return Console(markup=False, emoji=False, highlight=False)


def show(rows: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """A list: a table for people, or one JSON array with every field."""
    found = list(rows)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2, default=str))
    elif not found:
        console().print(empty)
    else:
        console().print(table(found, columns))


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    """A table of these columns; outcomes have their colour."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column.replace("_", " "), overflow="fold", no_wrap=column in NARROW)
    for row in rows:
        made.add_row(*(cell(row.get(column)) for column in columns))
    return made


def cell(value: object) -> Text:
    """One value of a table."""
    if value is None:
        return Text("")
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    text = str(value)
    return Text(text, style=COLOURS.get(text, ""))
