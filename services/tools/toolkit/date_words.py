"""Names of months, days and zones in dates: the CLDR's, in our users' languages, with and without accents."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from babel.dates import get_day_names, get_month_names

from services.flows.refined import locale

Width = Literal["wide", "abbreviated"]
Context = Literal["format", "stand-alone"]
NAMES: tuple[tuple[Width, Context], ...] = (
    ("wide", "format"),
    ("abbreviated", "format"),
    ("wide", "stand-alone"),
    ("abbreviated", "stand-alone"),
)
ALWAYS = ("en", "pt", "es", "fr", "de", "it")
# What people write and the CLDR does not: German without umlauts, Austrian January, other abbreviations.
MORE_MONTHS = {
    "jaenner": 1,
    "janner": 1,
    "fevr": 2,
    "fev": 2,
    "maerz": 3,
    "mrz": 3,
    "juill": 7,
    "sept": 9,
    "set": 9,
    "sett": 9,
    "setiembre": 9,
}
# What stands between the parts of a date, and an ordinal that is a word.
FILLERS = frozenset(
    [
        "a",
        "ad",
        "alla",
        "alle",
        "and",
        "as",
        "at",
        "d",
        "da",
        "de",
        "del",
        "dem",
        "den",
        "der",
        "di",
        "dia",
        "do",
        "e",
        "el",
        "em",
        "et",
        "feira",
        "h",
        "hora",
        "horas",
        "hr",
        "hrs",
        "hs",
        "il",
        "in",
        "la",
        "las",
        "le",
        "lo",
        "los",
        "m",
        "no",
        "o",
        "of",
        "on",
        "ore",
        "t",
        "the",
        "u",
        "uhr",
        "um",
        "und",
        "y",
    ]
)
FIRST = frozenset({"primeiro", "primero", "premier", "primo", "erster", "ersten"})
# In hours from UTC. RFC 2822, section 4.3, and the abbreviations of Europe and Brazil in the tz database. What stands
# for two zones (IST, AST) is unknown.
ZONES = {
    "utc": 0,
    "gmt": 0,
    "ut": 0,
    "z": 0,
    "est": -5,
    "edt": -4,
    "cst": -6,
    "cdt": -5,
    "mst": -7,
    "mdt": -6,
    "pst": -8,
    "pdt": -7,
    "wet": 0,
    "west": 1,
    "bst": 1,
    "cet": 1,
    "mez": 1,
    "cest": 2,
    "mesz": 2,
    "eet": 2,
    "eest": 3,
    "msk": 3,
    "brt": -3,
    "brst": -2,
    "art": -3,
}


@dataclass(frozen=True, slots=True)
class Words:
    """Folded names → their number; days of the week say nothing that the date does not."""

    months: dict[str, int]
    days: frozenset[str]


def folded(text: str) -> str:
    """Without capitals and accents, digits of all scripts as 0 to 9."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in apart if not unicodedata.combining(sign))


@lru_cache(maxsize=64)
def words(language: str) -> Words:
    """The names of a language, which come first, and those that are always read."""
    months: dict[str, int] = {}
    days: set[str] = set()
    for tongue in (language, *ALWAYS):
        found = locale(tongue)
        for width, context in NAMES:
            for number, name in get_month_names(width, context, found).items():
                months.setdefault(folded(name).rstrip("."), number)
            for name in get_day_names(width, context, found).values():
                days |= {folded(part).rstrip(".") for part in (name, *name.split("-"))}
    for name, number in MORE_MONTHS.items():
        months.setdefault(name, number)
    return Words(months, frozenset(days))
