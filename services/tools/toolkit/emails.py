"""E-mail addresses as people and mail programs write them (email-validator; lists/ has free mail and roles)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email

from contracts.phones import without_marks

GMAIL = "gmail.com"
_SAME = {"googlemail.com": GMAIL}
"""Two names of the same mailboxes (Google's help: "Google Mail" was Gmail's name in Germany and the United Kingdom)."""
# What the lists lack: providers of the countries of our users, and roles in their languages.
_MORE_FREE = (
    "hotmail.pt",
    "netcabo.pt",
    "clix.pt",
    "globo.com",
    "mail.telepac.pt",
    "sapo.cv",
    "oi.com.br",
    "r7.com",
    "tutanota.com",
    "hey.com",
)
_MORE_ROLES = (
    "apoio",
    "ajuda",
    "assinaturas",
    "bewerbung",
    "cobranca",
    "direcao",
    "encomendas",
    "facturas",
    "faturas",
    "kundenservice",
    "naoresponder",
    "pedidos",
    "recrutamento",
    "vertrieb",
)
# RFC 5322: a comment in brackets; a display name before an address in angle brackets.
LONGEST = 1000
_COMMENT = re.compile(r"\([^()]*\)")
_ANGLED = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class Address:
    """A well-formed address: both parts in lower case, in one Unicode form."""

    local: str
    domain: str

    @property
    def name(self) -> str:
        """What stands before the @, without a tag."""
        return self.local.split("+")[0] or self.local


def read(text: str) -> Address | str:
    """The one address that a text names, or why it names none.

    Read away: `mailto:` with its query, a display name (`Ana <ana@x.pt>`), comments and marks around, spaces round
    the @, what nobody sees.
    """
    if len(text) > LONGEST:
        return "it is longer than any address"
    given = without_marks(text).strip()
    if given[:7].lower() == "mailto:":
        given = unquote(given[7:].partition("?")[0])
    angled = _ANGLED.findall(given)
    if len(angled) > 1:
        return "there is more than one address"
    given = angled[0] if angled else _COMMENT.sub(" ", given)
    given = re.sub(r"\s*@\s*", "@", given.strip().strip("'\"<>()[]").rstrip(".,;:").strip())
    if given.count("@") > 1 and '"' not in given:
        return "there is more than one address, or more than one @"
    try:
        found = validate_email(given, check_deliverability=False)
        domain = found.domain.lower()
        # Lower case can change a text's length in Unicode, so what comes out is proved again.
        found = validate_email(f"{found.local_part.lower()}@{_SAME.get(domain, domain)}", check_deliverability=False)
    except EmailNotValidError as error:
        return str(error)
    return Address(found.local_part, found.domain)


def is_free(domain: str) -> bool:
    """Whether anybody gets an address there without paying, for good or for an hour."""
    return domain in _listed("free_mail_domains.txt") or domain in _MORE_FREE


def is_role(name: str) -> bool:
    """Whether what stands before the @ is a role: `info`, `vendas`, `no-reply`."""
    return name in _listed("role_names.txt") or name in _MORE_ROLES


@lru_cache(maxsize=2)
def _listed(file: str) -> frozenset[str]:
    lines = (files("services.tools.toolkit") / "lists" / file).read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
