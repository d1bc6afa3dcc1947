"""E-mail addresses as forms, CSVs and mail programs give them (RFC 5322, 6068), free mail and roles by kept lists."""

from __future__ import annotations

import pytest

from services.tools.catalog.email_normalize import email_normalize
from services.tools.catalog.email_validate import email_validate
from services.tools.catalog.validate import validate
from tests.support.tools import use

ADDRESSES = {
    "mailto:ana@x.pt": "ana@x.pt",
    "MAILTO:ana@x.pt?subject=Oi%20Ana": "ana@x.pt",
    "mailto:ana%2Bnews@x.pt": "ana+news@x.pt",
    "Ana <ana@x.pt>": "ana@x.pt",
    '"Sousa, Ana" <ana@x.pt>': "ana@x.pt",
    "Ana Sousa (vendas) <ana@x.pt>": "ana@x.pt",
    "<ana@x.pt>": "ana@x.pt",
    "ana\u200b@x.pt": "ana@x.pt",
    "\ufeffana@x.pt\u200e": "ana@x.pt",
    " ana@x.pt\u00a0": "ana@x.pt",
    "ana @ x.pt": "ana@x.pt",
    "ana@x.pt.": "ana@x.pt",
    "ana@x.pt,": "ana@x.pt",
    "'ana@x.pt'": "ana@x.pt",
    "(ana@x.pt)": "",
    "ana@x.pt (trabalho)": "ana@x.pt",
    "Ana@X.PT": "ana@x.pt",
    "ana＠x.pt": "ana@x.pt",
    "joa\u0303o@x.pt": "joão@x.pt",
    "ana@münchen.de": "ana@münchen.de",
    "ana@googlemail.com": "ana@gmail.com",
    "A.N.A@GoogleMail.com": "a.n.a@gmail.com",
    "ana@x.pt;rui@x.pt": "",
    "ana@x.pt, rui@x.pt": "",
    "Ana <ana@x.pt>, Rui <rui@x.pt>": "",
    "ana@@x.pt": "",
    "ana@x,pt": "",
    "ana@x": "",
    "ana[at]x.pt": "",
    "@x.pt": "",
    "Ana": "",
    "": "",
}


@pytest.mark.parametrize(("given", "expected"), ADDRESSES.items())
def test_an_address_is_read_out_of_what_stands_around_it(given: str, expected: str) -> None:
    """One, or none with the reason; all three tools think the same."""
    found = use(email_normalize, email=given)
    assert (found["email"], bool(found["reason"])) == (expected, not expected)
    assert use(email_validate, email=given)["valid"] is bool(expected)
    rules = [{"field": "e", "test": "email"}, {"field": "e", "test": "required"}]
    assert use(validate, values={"e": given}, rules=rules)["valid"] is bool(expected)


@pytest.mark.parametrize(
    ("email", "free", "role"),
    [
        ("ana@gmail.com", True, False),
        ("ana@googlemail.com", True, False),
        ("ana@hotmail.pt", True, False),
        ("ana@sapo.pt", True, False),
        ("ana@bol.com.br", True, False),
        ("ana@t-online.de", True, False),
        ("ana@libero.it", True, False),
        ("ana@laposte.net", True, False),
        ("ana@mailinator.com", True, False),
        ("ana@closum.com", False, False),
        ("ana@microsoft.com", False, False),
        ("info@closum.com", False, True),
        ("Vendas@closum.com", False, True),
        ("atendimento@closum.com", False, True),
        ("rh+vagas@closum.com", False, True),
        ("no-reply@closum.com", False, True),
        ("kundenservice@closum.com", False, True),
        ("joao.silva@closum.com", False, False),
    ],
)
def test_free_mail_and_roles_are_known_by_kept_lists(email: str, free: object, role: object) -> None:
    """Of the countries of our users."""
    found = use(email_validate, email=email)
    assert (found["free"], found["role"]) == (free, role)
