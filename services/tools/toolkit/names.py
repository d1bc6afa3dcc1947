"""Names of people and companies in Portuguese and its neighbours, on top of nameparser.

nameparser knows English titles and particles. What it does not: titles of courtesy and study of our users' languages,
that Filho, Neto and Sobrinho belong to the family name before them, that Maria do Carmo is a first name, that Lda is
nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from nameparser import HumanName
from nameparser.config import Constants

from contracts.texts import one_text
from services.tools.toolkit.date_words import folded
from services.tools.toolkit.letter_cases import SMALL

# Titles behind which stands a first name (Dona Maria), as is usual in Portuguese and Spanish …
BEFORE_FIRST = frozenset(
    [
        *("sr", "sra", "srta", "srª", "srº", "senhor", "senhora", "menina", "dona", "dom", "don", "doña", "d"),
        *("dr", "dra", "drª", "drº", "doutor", "doutora", "prof", "profª", "profº", "profa", "professor", "professora"),
        *(
            "eng",
            "engº",
            "engª",
            "enga",
            "engo",
            "engenheiro",
            "engenheira",
            "arq",
            "arqª",
            "arqº",
            "arquiteto",
            "arquiteta",
        ),
        *(
            "arquitecto",
            "arquitecta",
            "exmo",
            "exma",
            "exmos",
            "exmas",
            "ilmo",
            "ilma",
            "enf",
            "enfª",
            "enfº",
            "adv",
            "mestre",
        ),
        *(
            "comendador",
            "comendadora",
            "padre",
            "frei",
            "irmã",
            "señor",
            "señora",
            "señorita",
            "lic",
            "ing",
            "sir",
            "lady",
        ),
        *("dott", "dottssa", "avv", "geom", "mme.", "maître", "h.c", "hc", "phd", "med"),
    ]
)
# … and behind which a family name, as in English, French, German and Italian.
BEFORE_LAST = frozenset(
    [
        *(
            "mr",
            "mrs",
            "ms",
            "miss",
            "mme",
            "mlle",
            "m",
            "monsieur",
            "madame",
            "herr",
            "frau",
            "sig",
            "sigra",
            "signor",
        ),
        *("signora", "dipl-ing", "magister", "mag"),
    ]
)
# Behind a family name: the son, the grandson, the nephew of one with the same name. Júnior is a suffix, as nameparser
# has it.
GENERATIONS = frozenset({"filho", "filha", "neto", "neta", "bisneto", "sobrinho", "hijo"})
# Names of Mary and what they are followed by: first names of two words in Portuguese and Spanish.
DEVOTED = frozenset({"maria", "ana", "rosa"})
DEVOTIONS = frozenset(
    [
        *(
            "do carmo",
            "da conceicao",
            "de fatima",
            "de lurdes",
            "de lourdes",
            "dos anjos",
            "da luz",
            "da graca",
            "das gracas",
        ),
        *(
            "do ceu",
            "do rosario",
            "de jesus",
            "da gloria",
            "da piedade",
            "das dores",
            "do amparo",
            "da paz",
            "de nazare",
        ),
        *(
            "das neves",
            "do pilar",
            "da assuncao",
            "do socorro",
            "da saude",
            "da purificacao",
            "da ascensao",
            "da natividade",
        ),
        *("das merces", "da guia", "da penha", "do patrocinio", "da encarnacao", "da anunciacao", "do livramento"),
        *(
            "del carmen",
            "del pilar",
            "de los angeles",
            "de la luz",
            "de las mercedes",
            "del mar",
            "del rosario",
            "de los dolores",
        ),
        *("de la concepcion", "del rocio", "de las nieves", "de la cruz", "del consuelo", "de la soledad"),
    ]
)
# Legal forms. Of short ones the capitals count: Sa is a family name, SA is a company.
FORMS = frozenset(
    [
        *(
            "lda",
            "ltda",
            "limitada",
            "ltd",
            "limited",
            "inc",
            "incorporated",
            "llc",
            "llp",
            "gmbh",
            "ggmbh",
            "mbh",
            "sarl",
            "eurl",
        ),
        *(
            "eireli",
            "unipessoal",
            "srl",
            "spa",
            "slu",
            "corp",
            "corporation",
            "plc",
            "bv",
            "nv",
            "crl",
            "sociedade",
            "associação",
        ),
        *("associacao", "fundação", "fundacao", "cia", "epp", "oy", "ab", "pty", "kg", "ohg", "sgps", "holding"),
    ]
)
FORMS_IN_CAPITALS = frozenset({"SA", "AG", "SL", "SAS", "AS", "SE", "UG", "CO", "ACE", "EI", "EM", "IP"})
_FORMS_FIRST = frozenset({"associação", "associacao", "fundação", "fundacao", "sociedade"})
_NOTE = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_MARKS = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u2060\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e"))
_AND = re.compile(r"&\s*(?:filhos?|irmãos|co\b|cia|sons|associados)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Name:
    """The parts of a name. A company's stands in `last` whole."""

    first: str = ""
    middle: str = ""
    last: str = ""
    title: str = ""
    suffix: str = ""
    company: bool = False

    @property
    def initials(self) -> str:
        """Of first and last name; particles do not count."""
        words = [word for word in self.last.split() if word.lower() not in SMALL] or self.last.split()
        return (self.first[:1] + (words[0][:1] if words else "")).upper()


@lru_cache(maxsize=1)
def constants() -> Constants:
    """What the library knows, and our titles. That `do` and its like stand in the family name it knows."""
    made = Constants()
    made.titles.add(*BEFORE_FIRST, *BEFORE_LAST)
    return made


def read(text: str) -> Name:
    """The parts of a name; what has no letters, or is an e-mail address, is none."""
    shown = " ".join(one_text(_NOTE.sub(" ", text.translate(_MARKS))).split())
    if "@" in shown or not any(sign.isalpha() for sign in shown):
        return Name()
    if is_company(shown):
        return Name(last=shown, company=True)
    titles, rest = _titles(shown)
    found = HumanName(rest, constants=constants())
    title = " ".join(part for part in (titles, found.title) if part)
    first, middle, last, suffix = found.first, found.middle, found.last, found.suffix
    if title and not first and last and not _is_before_last(title):
        words = last.split()
        first, last = ("", last) if words[0].lower() in SMALL else (words[0], " ".join(words[1:]))
    elif first and not last and _is_before_last(title):
        first, last = "", first
    first, middle, last = _devoted(first, middle, last)
    middle, last = _generation(middle, last)
    return Name(first, middle, last, title, suffix)


def is_company(text: str) -> bool:
    """Whether a legal form stands in it where one stands: at its end, before a comma, or at its beginning."""
    words = [word.strip(",;") for word in text.split()]
    plain = [word.replace(".", "").replace("/", "").lower() for word in words]
    if len(words) < 2:  # noqa: PLR2004 (a form alone is none)
        return False
    if _AND.search(text) or plain[0] in _FORMS_FIRST:
        return True
    # Of a name all in capitals these are words as any other.
    capitals = frozenset() if text.isupper() else FORMS_IN_CAPITALS
    return any(
        form in FORMS or word.replace(".", "").replace("/", "") in (FORMS_IN_CAPITALS if "." in word else capitals)
        for form, word in zip(plain[-2:], words[-2:], strict=True)
        if form not in _FORMS_FIRST and word != words[0]
    )


def _titles(text: str) -> tuple[str, str]:
    """The titles before a name, and the rest; `D. Ana` and `M. Dupont` are no initials."""
    words = text.split()
    count = 0
    while count < len(words) - 1 and _plain(words[count]) in BEFORE_FIRST | BEFORE_LAST:
        count += 1
    return " ".join(words[:count]), " ".join(words[count:])


def _plain(word: str) -> str:
    return word.rstrip(".,").replace(".", "").lower()


def _is_before_last(title: str) -> bool:
    words = title.split()
    return bool(words) and all(_plain(word) in BEFORE_LAST or _plain(word) not in BEFORE_FIRST for word in words)


def _devoted(first: str, middle: str, last: str) -> tuple[str, str, str]:
    """`Maria`, `do Carmo Silva` → `Maria do Carmo`, `Silva`."""
    rest = f"{middle} {last}".split()
    for count in (3, 2):
        if folded(first) in DEVOTED and folded(" ".join(rest[:count])) in DEVOTIONS:
            first = " ".join((first, *rest[:count]))
            rest = rest[count:]
            at = max(len(rest) - 1, 0)
            while at > 0 and rest[at - 1].lower() in SMALL:
                at -= 1
            return first, " ".join(rest[:at]), " ".join(rest[at:])
    return first, middle, last


def _generation(middle: str, last: str) -> tuple[str, str]:
    """`Silva`, `Neto` → the family Silva Neto; `Pedro Neto` is of the family Neto."""
    if _plain(folded(last)) not in GENERATIONS or not middle:
        return middle, last
    before = middle.split()
    at = len(before) - 1
    while at > 0 and before[at - 1].lower() in SMALL:
        at -= 1
    return " ".join(before[:at]), " ".join((*before[at:], last))
