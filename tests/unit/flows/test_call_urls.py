"""What an event brings into the path of a call stays one segment, or the call is not made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from contracts.errors import ErrorCode
from services.actions.attempt.http import address_of
from services.actions.connections import Connection
from services.flows.call_urls import ABSOLUTE
from services.flows.outcomes import Act, End
from services.project.catalogue import catalogue
from tests.support.flows import CATALOGUE, compiled, first

CRM = Connection("crm", "https://crm.example/v1")


def url_of(template: str, value: str) -> str | End:
    """The url of a call with `trigger.id`, or how the run ended."""
    flow = compiled(f'- action: http.call\n  with: {{ method: GET, url: "{template}" }}')
    found = first(flow, id=value)
    return str(found.request.inputs["url"]) if isinstance(found, Act) else _ended(found)


def _ended(found: object) -> End:
    assert isinstance(found, End), found
    return found


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("8841", "8841"),
        ("a@b.pt", "a@b.pt"),
        ("+351912345678", "+351912345678"),
        ("Rua 5/2", "Rua%205%2F2"),
        ("7/delete", "7%2Fdelete"),
        ("7%2Fdelete", "7%252Fdelete"),
        ("7?admin=1", "7%3Fadmin%3D1"),
        ("7#", "7%23"),
        ("7;x=1", "7%3Bx%3D1"),
        ("a\\b", "a%5Cb"),
        ("João", "Jo%C3%A3o"),
        ("...", "..."),
        ("\ud800", "%3F"),
    ],
)
def test_a_hole_is_one_encoded_segment(value: str, segment: str) -> None:
    """Whatever stands in it."""
    assert url_of("/contacts/${ trigger.id }/notes", value) == f"/contacts/{segment}/notes"
    assert url_of("https://crm.example/contacts/${ trigger.id }", value) == f"https://crm.example/contacts/{segment}"
    assert url_of("${ trigger.id }/notes", value) == f"{segment}/notes"


@pytest.mark.parametrize(
    "value", ["", " ", "\t", ".", "..", "../admin", "a/../b", "%2e%2e", "..%2Fadmin", "a\\..\\b", "./a"]
)
@pytest.mark.parametrize(
    "template", ["/contacts/${ trigger.id }", "${ trigger.id }/a", "https://a.example/${ trigger.id }?b"]
)
def test_an_empty_hole_and_one_that_leads_elsewhere_end_the_run(template: str, value: str) -> None:
    """With the expression and the reason, and never with the value; no call is asked for."""
    end = url_of(template, value)
    assert isinstance(end, End)
    assert end.code is ErrorCode.EXPRESSION_FAILED
    assert "`trigger.id` stands in the path of `url`, and is" in (end.reason or "")


@pytest.mark.parametrize("value", ["evil.example/", "evil.example/?", "a@evil.example", "", "a b", "evil.example#"])
def test_a_hole_in_the_host_stays_in_it(value: str) -> None:
    """What is no part of a name ends the run."""
    assert isinstance(url_of("https://${ trigger.id }.crm.example/a", value), End)
    assert url_of("https://${ trigger.id }.crm.example/a", "porto") == "https://porto.crm.example/a"


def test_what_stands_behind_a_question_mark_stays_as_it_is() -> None:
    """`query` encodes; a flow that writes its query by hand knows what it does. So is a whole address of an event."""
    assert url_of("/contacts?phone=${ trigger.id }&x=", "a%20b") == "/contacts?phone=a%20b&x="
    assert url_of("${ trigger.id }", "https://cdn.example/a/b?c=d") == "https://cdn.example/a/b?c=d"
    assert (
        url_of("${ trigger.id }?x=${ trigger.id }", "https://c.example/a")
        == "https://c.example/a?x=https://c.example/a"
    )


def test_the_url_of_a_verification_too() -> None:
    """It goes to the same destination, with the same credentials."""
    flow = compiled(
        """
        - action: http.request
          connection: gateway
          with:
            method: POST
            url: /contacts
            repeat: never
            verify: { url: "/contacts/${ trigger.id }", method: GET }
        """,
        known=replace(CATALOGUE, actions=catalogue().actions),
    )
    found = first(flow, id="7/delete")
    assert isinstance(found, Act)
    assert found.request.inputs["verify"] == {"url": "/contacts/7%2Fdelete", "method": "GET"}
    assert isinstance(first(flow, id=".."), End)


texts = st.text() | st.text("./\\%2eE?#@;:+ab", max_size=12)


@given(
    texts,
    st.sampled_from(
        ["/a/${ trigger.id }/b", "${ trigger.id }/b", "/a/x${ trigger.id }", "https://crm.example/v1/${ trigger.id }"]
    ),
)
@example("..", "/a/x${ trigger.id }")
def test_no_value_leads_out_of_its_place(value: str, template: str) -> None:
    """However it is spelled: as many segments as the flow has, the same query and host, and the value in its place."""
    url: Any = url_of(template, value)
    if isinstance(url, End) or (template.startswith("$") and ABSOLUTE.match(value)):
        return  # no call, or a whole address of the event's, which the connection judges
    connection = Connection("", "") if template.startswith("https:") else CRM
    parts = urlsplit(address_of(connection, url, None))
    plain = urlsplit(address_of(connection, template.replace("${ trigger.id }", "7"), None))
    assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == (plain.scheme, plain.netloc, "", "")
    segments, wanted = parts.path.split("/"), plain.path.split("/")
    assert len(segments) == len(wanted), (value, url)
    for segment, other in zip(segments, wanted, strict=True):
        assert segment == other or (segment not in {"", ".", ".."} and ".." not in unquote(segment).split("/"))
