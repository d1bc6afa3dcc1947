"""Forms of dates as people write them: `dd/MM/yyyy HH:mm`, the letters of the CLDR. To read and to write."""

from __future__ import annotations

import re
from functools import lru_cache

from services.flows.catalogue import ToolError

MAX_FORM = 60
PART = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*|[^A-Za-z']")
STRPTIME = {
    "yyyy": "%Y",
    "y": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%m",
    "dd": "%d",
    "d": "%d",
    "EEEE": "%A",
    "EEE": "%a",
    "HH": "%H",
    "H": "%H",
    "hh": "%I",
    "h": "%I",
    "mm": "%M",
    "m": "%M",
    "ss": "%S",
    "s": "%S",
    "S": "%f",
    "SSS": "%f",
    "a": "%p",
    "Z": "%z",
    "XXX": "%z",
}
# What people write and never mean as the CLDR does: the year of the week, the day of the year.
MEANT = {"YYYY": "yyyy", "YY": "yy", "DD": "dd", "D": "d"}
KNOWN = frozenset({*STRPTIME, "E", "EE", "Q", "w", "D", "z", "X", "xxx", "zzzz"})


@lru_cache(maxsize=256)
def parts(form: str) -> tuple[str, ...]:
    """The parts of a form: letters, quoted text with its quotes, marks. ToolError for letters that mean nothing."""
    found = []
    at = 0
    for match in PART.finditer(form):
        if match.start() != at:
            break
        part = MEANT.get(match[0], match[0])
        if match[1] and part not in KNOWN:
            raise ToolError(f"the format {form!r} has {part!r}, which means nothing: write such as dd/MM/yyyy HH:mm")
        found.append(part)
        at = match.end()
    if at != len(form):
        raise ToolError(f"the format {form!r} has a quote that does not end")
    return tuple(found)


def cldr_form(form: str) -> str:
    """The form as babel writes it."""
    return "".join(parts(form))


@lru_cache(maxsize=256)
def strptime_form(form: str) -> str:
    """The form as the standard library reads it. Raises ToolError for a part that can be written only."""
    made = []
    for part in parts(form):
        if part.startswith("'"):
            made.append(part[1:-1].replace("''", "'").replace("%", "%%"))
        elif part[0].isalpha() and part.isascii():
            if part not in STRPTIME:
                raise ToolError(f"the format {form!r} has {part!r}, which can be written but not read")
            made.append(STRPTIME[part])
        else:
            made.append(part.replace("%", "%%"))
    return "".join(made)


def prove_form(form: str) -> None:
    """Raise ToolError for a form that means nothing, or surely not what it says."""
    if re.search(r"%[A-Za-z-]", form):
        raise ToolError(f"{form!r} has the letters of another language, as %d: write such as dd/MM/yyyy HH:mm")
    found = set(parts(form))
    if found & {"m", "mm"} and not found & {"H", "HH", "h", "hh", "k", "kk", "ss", "s"}:
        raise ToolError(f"{form!r} has minutes without hours: months are M or MM, as in dd/MM/yyyy")


def prove_readable(forms: list[str]) -> None:
    """Raise ToolError for forms of which one cannot be read."""
    for form in forms:
        prove_form(form)
        strptime_form(form)
