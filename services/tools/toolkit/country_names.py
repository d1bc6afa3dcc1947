"""Countries by name: the CLDR's names in many languages, and what people and other lists call them besides."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from babel.core import get_global

from services.flows.refined import locale

# Codes that the CLDR still maps and ISO 3166 has withdrawn: Burma, Zaire, East Germany, metropolitan France, …
WITHDRAWN = frozenset({"BUR", "ZAR", "DDR", "FXX", "TMP", "YMD"})
THREE = re.compile(r"^[A-Z]{3}$")
# ISO 3166 leaves these to users; the CLDR uses XKK for Kosovo, as everybody does.
OWN_USE = re.compile(r"^(AA|Q[M-Z]|X(?!KK)|ZZ)")
# The languages of our users, then endonyms: Polska, Nederland, 日本.
NAMED_IN = (
    "en",
    "pt",
    "pt_PT",
    "es",
    "fr",
    "de",
    "it",
    "nl",
    "pl",
    "sv",
    "da",
    "fi",
    "cs",
    "hu",
    "ro",
    "el",
    "ru",
    "uk",
    "tr",
)
NAMED_IN_TOO = ("zh", "ja", "ko", "ar", "he", "hi")
# Former names, names of parts, official names of ISO 3166 and short forms, folded, which the CLDR does not have.
OTHER_NAMES = {
    "AE": "uae, emirados, emiratos, emirates, eau",
    "BN": "brunei darussalam",
    "BO": "plurinational state of bolivia, bolivia plurinational state of",
    "BY": "bielorrussia, bielorrusia, weissrussland, white russia",
    "CD": "rdc, rd congo, r d congo, drc, dr congo, democratic republic of the congo, congo dem rep, "
    "republica democratica do congo, republica democratica del congo, congo kinshasa, zaire",
    "CG": "republic of the congo, republic of congo, republica do congo, congo brazzaville, congo republic of the",
    "CI": "ivory coast",
    "CV": "cape verde, ilhas de cabo verde",
    "CZ": "czech republic, republica checa, republique tcheque, tschechische republik, repubblica ceca",
    "FK": "malvinas, islas malvinas, falklands",
    "FM": "federated states of micronesia, micronesia federated states of",
    "GB": "uk, u k, great britain, england, scotland, wales, northern ireland, inglaterra, escocia, pais de gales, "
    "irlanda do norte, gra bretanha, gran bretana, grande bretagne, grossbritannien, gran bretagna, angleterre, "
    "schottland, united kingdom of great britain and northern ireland",
    "GM": "republic of the gambia",
    "HK": "hong kong, hongkong, hong kong sar",
    "IR": "islamic republic of iran, iran islamic republic of",
    "KP": "democratic people s republic of korea, korea democratic people s republic of, dprk",
    "KR": "republic of korea, korea republic of, republica da coreia, republica de corea",
    "LA": "lao people s democratic republic, lao pdr",
    "MD": "republic of moldova, moldova republic of",
    "MK": "macedonia, fyrom, republica da macedonia",
    "MM": "burma, birmania, birmanie",
    "MO": "macau, macao, macau sar, macao sar",
    "NL": "holanda, holland, hollande, olanda, the netherlands",
    "PS": "palestine, palestina, state of palestine, estado da palestina",
    "PT": "republica portuguesa, portuguese republic",
    "RU": "russian federation, federacao russa, federacion rusa",
    "ST": "sao tome, san tome",
    "SY": "syrian arab republic",
    "SZ": "swaziland, suazilandia, swazilandia, essuatini",
    "TL": "timor, east timor, timor lorosae, timor oriental, timor loro sae",
    "TR": "turkey, turkiye, republic of turkiye",
    "TW": "taiwan province of china, taiwan republic of china, formosa",
    "TZ": "united republic of tanzania, tanzania united republic of",
    "US": "usa, u s, u s a, eua, e u a, eeuu, ee uu, america, united states of america, estados unidos da america, "
    "estados unidos de america, estados unidos da america do norte, etats unis d amerique",
    "VA": "vatican, vaticano, holy see, santa se, vatikan, the vatican",
    "VE": "bolivarian republic of venezuela, venezuela bolivarian republic of",
    "VN": "viet nam, vietname",
}
# `Bosnia & Herzegovina` is called by its first half; `Mianmar (Birmânia)` by either.
HALVES = re.compile(r" (?:and|e|y|et|und|a|och|og|en) ")
SHORTEST_HALF = 5


def folded(text: str) -> str:
    """Without capitals, accents and marks."""
    letters = unicodedata.normalize("NFKD", text.replace("&", " and ").casefold())
    return " ".join("".join(c if c.isalnum() else " " for c in letters if not unicodedata.combining(c)).split())


@lru_cache(maxsize=1)
def letters() -> dict[str, str]:
    """Three letters by two, of every country in ISO 3166 and of Kosovo."""
    aliases = get_global("territory_aliases")
    three = [code for code in aliases if THREE.match(code) and code not in WITHDRAWN and not OWN_USE.match(code)]
    return {aliases[code][0]: code for code in three if len(aliases[code]) == 1}


@lru_cache(maxsize=1)
def _by_alpha3() -> dict[str, str]:
    return {alpha3: alpha2 for alpha2, alpha3 in letters().items()}


@lru_cache(maxsize=32)
def names(language: str) -> dict[str, str]:
    """Two letters by folded name, in one language; what stands in brackets is a name as well."""
    territories = locale(language).territories
    found = {folded(territories[code]): code for code in letters() if code in territories}
    for code in letters():
        for part in re.split(r"[()]", territories.get(code, "")):
            found.setdefault(folded(part), code)
    found.pop("", None)
    return found


@lru_cache(maxsize=32)
def _halves(language: str) -> dict[str, str]:
    """Countries that are called by the first half of their name, where it is the half of one alone."""
    found: dict[str, set[str]] = {}
    for name, code in names(language).items():
        first, *rest = HALVES.split(name, maxsplit=1)
        if rest and len(first) >= SHORTEST_HALF:
            found.setdefault(first, set()).add(code)
    return {first: codes.pop() for first, codes in found.items() if len(codes) == 1}


@lru_cache(maxsize=1)
def _others() -> dict[str, str]:
    return {name: code for code, list_of in OTHER_NAMES.items() for name in list_of.split(", ")}


def by_letters(text: str) -> str | None:
    """Two letters, three, or a flag of two."""
    flag = [ord(sign) - ord("🇦") for sign in text]
    if len(flag) == 2 and all(0 <= letter < 26 for letter in flag):  # noqa: PLR2004
        text = "".join(chr(ord("A") + letter) for letter in flag)
    code = text.upper()
    return code if code in letters() else _by_alpha3().get(code)


def by_name(text: str, language: str) -> str | None:
    """By its name in any of the languages, this one first."""
    name = folded(text)
    for each in (name, name.removeprefix("the ")):
        tongues = (language, *NAMED_IN, *NAMED_IN_TOO)
        if (code := next((names(tongue)[each] for tongue in tongues if each in names(tongue)), None)) is not None:
            return code
        if (code := _others().get(each)) is not None:
            return code
        if (code := next((_halves(tongue)[each] for tongue in tongues if each in _halves(tongue)), None)) is not None:
            return code
    return None
