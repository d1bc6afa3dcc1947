"""Times as senders write them: what they are, or nothing; never another moment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.triggers.lead_created import LeadCreated
from contracts.triggers.payload import NO_TIME
from contracts.triggers.sent_times import moment, written
from contracts.triggers.whatsapp_message_received import WhatsAppMessageReceived

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PART = AT.replace(microsecond=123_000)
READ: list[tuple[Any, datetime]] = [
    ("20260302093000", AT),
    (20260302093000, AT),
    ("2603020930", AT),
    (2603020930, AT),
    ("202603020930", AT),
    ("260302093000", AT),
    ("20260302", AT.replace(hour=0, minute=0)),
    (20260302, AT.replace(hour=0, minute=0)),
    ("1772443800", AT),
    (1772443800, AT),
    (1772443800.0, AT),
    ("1772443800.123", PART),
    (1772443800.123, PART),
    ("1772443800123", PART),
    (1772443800123, PART),
    ("1772443800123.0", PART),
    ("1772443800123000", PART),
    (1772443800123000, PART),
    (1772443800123000000, PART),
    ("Mon, 02 Mar 2026 09:30:00 +0000", AT),
    ("2 Mar 2026 10:30:00 +0100", AT),
    ("Mon, 02 Mar 2026 09:30:00 GMT", AT),
    ("Mon, 02 Mar 2026 09:30:00 -0000 (UTC)", AT),
    ("2026-03-02T09:30:00Z", AT),
    ("2026-03-02T10:30:00+0100", AT),
    ("2026-03-02 09:30:00 +0000", AT),
    ("2026-03-02 09:30:00 UTC", AT),
    ("2026-03-02 09:30:00.123", PART),
    ("20260302T093000Z", AT),
    ("/Date(1772443800123)/", PART),
    (0, datetime(1970, 1, 1, tzinfo=UTC)),
    (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    (2_100_000_000, datetime(2036, 7, 18, 13, 20, tzinfo=UTC)),
]
UNREAD: list[Any] = [
    *("02/03/2026", "02/03/2026 09:30", "3/2/26", "02032026", "12032026", 12032026, "200102030405", "20261302093000"),
    *("Mon, 02 Mar 2026 09:30:00 WET", "amanhã", "", "  ", "NaN", "1e9", True, None, [], {}, 1e300, 10**30, "9" * 60),
]


@pytest.mark.parametrize(("sent", "at"), READ)
def test_a_time_is_read_as_what_it_is(sent: object, at: datetime) -> None:
    """By its form and its size, as text and as number."""
    found = moment(sent)
    assert found is not None
    assert abs((found - at).total_seconds()) < 1e-6


@pytest.mark.parametrize("sent", UNREAD)
def test_what_can_be_two_times_is_none(sent: object) -> None:
    """Nor what is no time at all."""
    assert moment(sent) is None


def test_a_format_says_what_is_meant() -> None:
    """Of texts and of numbers."""
    assert written("02/03/2026 09:30", "%d/%m/%Y %H:%M") == AT
    assert written("02/03/2026 11:30 +0200", "%d/%m/%Y %H:%M %z") == AT
    assert written(20260302, "%Y%m%d") == AT.replace(hour=0, minute=0)
    assert written(2032026, "%d%m%Y") is None
    assert written("2026-03-02", "%d/%m/%Y") is None


def test_a_time_that_cannot_be_read_is_told() -> None:
    """It stays under raw."""
    lead = LeadCreated.read({"email": "a@b.pt", "createdAt": "02/03/2026", "other": "x"})
    assert (lead.created_at, lead.raw, lead.otherwise()) == (
        None,
        {"createdAt": "02/03/2026", "other": "x"},
        [("/createdAt", NO_TIME)],
    )
    assert LeadCreated.read({"email": "a@b.pt", "other": "x"}).otherwise() == []


SPELT: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"name": "", "full_name": "Ana"}, {"name": "Ana"}, {"name": ""}),
    ({"name": "Bea", "full_name": "Ana"}, {"name": "Bea"}, {"full_name": "Ana"}),
    ({"full_name": "Ana", "name": "Bea"}, {"name": "Bea"}, {"full_name": "Ana"}),
    ({"lead_id": None, "id": "7"}, {"lead_id": "7"}, {"lead_id": None}),
    ({"name": " ", "fullName": "Ana"}, {"name": "Ana"}, {"name": " "}),
    ({"name": "", "full_name": None}, {"name": ""}, {"full_name": None}),
    ({"created_at": "amanhã", "timestamp": 1772443800}, {"created_at": AT}, {"created_at": "amanhã"}),
    ({"created_at": AT.isoformat(), "time": 1}, {"created_at": AT}, {"time": 1}),
    ({"name": "Ana", "raw": {"own": 1}, "full_name": "Bea"}, {"name": "Ana"}, {"own": 1, "full_name": "Bea"}),
]


@pytest.mark.parametrize(("sent", "read_as", "raw"), SPELT)
def test_of_two_spellings_the_first_with_a_value_counts(
    sent: dict[str, Any], read_as: dict[str, Any], raw: dict[str, Any]
) -> None:
    """The others stay under raw."""
    lead = LeadCreated.read({"email": "a@b.pt", **sent})
    assert {name: getattr(lead, name) for name in read_as} == read_as
    assert lead.raw == raw


def test_inside_of_an_object_too() -> None:
    """Each object keeps its own."""
    read = WhatsAppMessageReceived.read({"from": "351912345678", "contact": {"name": "", "profile_name": "Ana"}})
    assert (read.contact.name, read.contact.raw) == ("Ana", {"name": ""})
