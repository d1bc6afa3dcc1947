"""`flows connections login`, before anybody is asked anything: what is missing is said."""

from __future__ import annotations

import pytest

from services.actions.connections import Connection
from services.actions.connections.parts import Grant, OAuth2, SignInPage
from services.cli.sign_in import address_of, code_in, sign_in_of
from services.cli.terminal import CommandError


@pytest.mark.parametrize(
    ("oauth2", "told"),
    [
        (None, "no `grant: refresh_token`"),
        (OAuth2("https://x/token", "a", "b"), "no `grant: refresh_token`"),
        (OAuth2("https://x/token", "a", "b", grant=Grant.REFRESH_TOKEN), "does not say where to sign in"),
    ],
)
def test_a_connection_that_nobody_signs_in_for(oauth2: OAuth2 | None, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        sign_in_of(Connection("crm", "https://x", oauth2=oauth2))


def test_each_address_is_for_one_sign_in() -> None:
    """It holds no secret, and what the destination wants besides."""
    oauth2 = OAuth2(
        "https://x/token",
        "ours",
        "Marker-secret",
        "crm.read",
        grant=Grant.REFRESH_TOKEN,
        sign_in=SignInPage("https://x/auth", {"access_type": "offline"}),
    )
    one, other = address_of(oauth2, 8912), address_of(oauth2, 8912)
    assert one.address.startswith("https://x/auth?response_type=code&client_id=ours&")
    assert "access_type=offline" in one.address
    assert "scope=crm.read" in one.address
    assert not {one.verifier, "Marker-secret"} & set(one.address.split("="))
    assert (one.state, one.verifier) != (other.state, other.verifier)
    with pytest.raises(CommandError, match="another sign-in"):
        code_in(f"code=c&state={other.state}", one.state)
    assert code_in(f"code=c&state={one.state}", one.state) == "c"
