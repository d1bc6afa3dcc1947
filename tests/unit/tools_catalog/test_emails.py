"""email.normalize, email.validate."""

from __future__ import annotations

import pytest

from services.tools.catalog.email_normalize import email_normalize
from services.tools.catalog.email_validate import email_validate
from tests.support.tools import use


@pytest.mark.parametrize("text", ["ANA@X.PT", " ana@x.pt\n", "mailto:ana@x.pt", "Ana@X.Pt"])
def test_one_person_is_one_text(text: str) -> None:
    """However it was typed."""
    assert use(email_normalize, email=text)["email"] == "ana@x.pt"


def test_dots_go_at_gmail_only_and_only_when_wanted() -> None:
    """Other providers tell a.b from ab."""
    assert use(email_normalize, email="a.b@gmail.com", gmail_dots=True)["email"] == "ab@gmail.com"
    assert use(email_normalize, email="a.b@x.pt", gmail_dots=True)["email"] == "a.b@x.pt"
    assert use(email_normalize, email="a.b@gmail.com")["email"] == "a.b@gmail.com"


def test_normalizing_twice_changes_nothing() -> None:
    """Also for addresses beyond ASCII, whose lower case is longer."""
    once = use(email_normalize, email="İpek@x.pt")
    assert use(email_normalize, email=once["email"])["email"] == once["email"]


@pytest.mark.parametrize("text", ["", "@", "a@", "a@b@c.pt", "a b@x.pt", "ana@localhost", "a" * 300 + "@x.pt"])
def test_what_is_no_address_says_why(text: str) -> None:
    """And gives no address on."""
    found = use(email_normalize, email=text)
    assert (found["valid"], found["email"]) == (False, "")
    assert found["reason"]


def test_roles_and_domains_can_be_refused() -> None:
    """With the reason in words; a tag does not hide a role."""
    assert use(email_validate, email="info+x@x.pt", allow_role=False)["reason"] == "info+x@ is a role, not a person"
    assert use(email_validate, email="ana@x.pt", domains=["@X.pt"])["valid"]
    assert use(email_validate, email="ana@y.pt", domains=["x.pt"])["reason"] == "y.pt is not among the wanted domains"
