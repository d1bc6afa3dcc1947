"""What the readers of trigger payloads forgive, keep and refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.contact_fields import MOST_COUNTRY, MOST_NAME, MOST_TAG
from contracts.triggers.payload import TOO_LONG, Payload, digits
from contracts.triggers.registry import TRIGGERS

WHATSAPP = TRIGGERS["closum.whatsapp.message_received"]
LEAD = TRIGGERS["closum.lead.created"]


def seen(payload: Payload) -> dict[str, Any]:
    """What a flow sees."""
    document: dict[str, Any] = json.loads(payload.to_json())
    return document


@pytest.mark.parametrize("model", TRIGGERS.values(), ids=TRIGGERS)
def test_the_example_is_read_and_reading_what_a_flow_sees_gives_the_same(model: type[Payload]) -> None:
    """Examples are true, and an event that was read once can be sent again as a whole."""
    payload = model.read(model.example)
    assert payload.subject()
    assert payload.own_id()
    assert model.read(seen(payload)) == payload


@pytest.mark.parametrize("name", ["from", "from_", "phone", "mobile_number", "mobileNumber", "sender", "phoneNumber"])
def test_a_field_may_be_spelled_in_several_ways(name: str) -> None:
    """Closum's shapes are assumed, so each plausible spelling is the same field."""
    assert seen(WHATSAPP.read({name: "+351 912"}))["from"] == "+351 912"


def test_a_name_may_be_written_without_underscores() -> None:
    """As JavaScript writes it; beside the other spelling, that one counts."""
    sent = {"leadId": 7, "mobileNumber": "912 345 678", "consentEmail": True, "createdAt": "2026-03-02T09:30:00Z"}
    read = seen(LEAD.read(sent))
    assert (read["lead_id"], read["mobile_number"], read["consent_email"]) == ("7", "912 345 678", True)
    assert (read["created_at"], read["raw"]) == ("2026-03-02T09:30:00Z", {})
    both = seen(LEAD.read({"lead_id": "1", "leadId": "2", "email": "a@b.pt"}))
    assert both["lead_id"] == "1"


def test_unknown_fields_are_kept_where_they_came_in() -> None:
    """Nothing that was sent is lost, at any depth, also a field that is itself called raw."""
    body = {"from": "1", "campaign": 7, "raw": [1], "contact": {"name": "Inês", "vip": True}}
    flow = seen(WHATSAPP.read(body))
    assert flow["raw"] == {"campaign": 7, "raw": [1]}
    assert flow["contact"] == {"name": "Inês", "email": "", "user_id": "", "username": "", "raw": {"vip": True}}


def test_raw_of_an_event_that_was_read_before_is_kept_as_it_is() -> None:
    """Sending on what a flow saw does not nest `raw` in `raw`."""
    assert seen(WHATSAPP.read({"from": "1", "raw": {"a": 1}, "b": 2}))["raw"] == {"a": 1, "b": 2}
    assert seen(WHATSAPP.read({"from": "1", "raw": None}))["raw"] == {}
    flow = seen(WHATSAPP.read({"from": "1", "text": "Olá", "raw": {"text": "kept"}, "b": 2}))
    assert (flow["text"], flow["raw"]) == ("Olá", {"b": 2, "text": "kept"})  # a field's name in it takes no field away


def test_null_is_the_same_as_absent() -> None:
    """Many senders write null for what they do not have."""
    body = {"lead_id": None, "name": None, "email": "a@b.pt", "tags": None, "mobile_number": None}
    assert seen(LEAD.read(body)) == seen(LEAD.read({"email": "a@b.pt"}))
    assert seen(WHATSAPP.read({"from": "1", "contact": None}))["contact"]["name"] == ""


def test_a_whole_number_is_the_text_of_its_digits() -> None:
    """Ids and phones come as numbers; 912345678.0 is what a spreadsheet makes of a phone."""
    lead = seen(LEAD.read({"id": 8841, "phone": 912345678.0}))
    assert (lead["lead_id"], lead["mobile_number"]) == ("8841", "912345678")


@pytest.mark.parametrize("number", [1.5, 1e30, True])
def test_a_number_that_is_no_exact_text_is_refused(number: float) -> None:
    """An id that lost digits would make two leads one."""
    with pytest.raises(ValidationError):
        LEAD.read({"id": number, "email": "a@b.pt"})


def test_tags_may_come_as_one_text() -> None:
    """Forms send lists with commas."""
    assert seen(LEAD.read({"email": "a@b.pt", "tags": "feira, 2026 ,"}))["tags"] == ["feira", "2026"]
    assert seen(LEAD.read({"email": "a@b.pt", "tags": ["feira", 2026]}))["tags"] == ["feira", "2026"]


@pytest.mark.parametrize("body", [None, 1, "text", [], [{}], {}, {"from": ""}, {"from": [1]}, {"from": "1" * 251}])
def test_what_is_no_message_is_refused(body: object) -> None:
    """With the one error that callers expect."""
    with pytest.raises(ValidationError):
        WHATSAPP.read(body)


def test_a_lead_needs_a_way_to_reach_it() -> None:
    """An e-mail or a phone, and white space is neither."""
    with pytest.raises(ValidationError, match="email or mobile_number is needed"):
        LEAD.read({"name": "Rui", "email": " "})


def test_the_subject_keeps_one_contact_together() -> None:
    """However the phone is written; in ASCII, because keys are compared by their bytes."""
    assert (
        WHATSAPP.read({"from": "+351 912-345"}).subject() == WHATSAPP.read({"from": 351912345}).subject() == "351912345"
    )
    assert digits("٣٥١²") == "351"
    assert WHATSAPP.read({"from": "shop"}).subject() == "shop"
    assert WHATSAPP.read({"from": "  "}).subject() is None
    assert LEAD.read({"email": " A@B.pt"}).subject() == "a@b.pt"
    assert LEAD.read({"id": 5, "email": "A@B.pt"}).subject() == "5"


@pytest.mark.parametrize(
    ("sent", "consents"),
    [
        ({}, (False, False)),
        ({"consent_email": None, "consent_sms": ""}, (False, False)),
        ({"consent_email": True, "consent_sms": False}, (True, False)),
        ({"email_consent": "Yes", "sms_opt_in": 1}, (True, True)),
        ({"accepts_email": "sim", "accepts_sms": "não"}, (True, False)),
    ],
)
def test_consent_is_what_the_sender_says(sent: dict[str, Any], consents: tuple[bool, bool]) -> None:
    """Never inferred: without a word there is none, however valid the address is."""
    flow = seen(LEAD.read({"email": "a@b.pt", "mobile_number": "912345678", **sent}))
    assert (flow["consent_email"], flow["consent_sms"]) == consents


@pytest.mark.parametrize("sent", ["perhaps", 2, [True], {"email": True}, 1.0])
def test_a_consent_that_is_neither_yes_nor_no_is_refused(sent: object) -> None:
    """It passes neither for a yes nor, silently, for a no."""
    with pytest.raises(ValidationError, match="neither true nor false"):
        LEAD.read({"email": "a@b.pt", "consent_email": sent})


CONTACT = TRIGGERS["closum.contact.updated"]
SMS = TRIGGERS["closum.sms.status_updated"]


@pytest.mark.parametrize(
    ("sent", "changes"),
    [
        ({"changes": {"email": {"before": "a", "after": "b"}}}, {"email": ("a", "b")}),
        ({"changes": {"email": {"old": "a", "new": "b"}}}, {"email": ("a", "b")}),
        ({"changes": {"email": ["a", "b"]}}, {"email": ("a", "b")}),
        ({"diff": {"email": "b"}}, {"email": (None, "b")}),
        ({"changes": [{"field": "email", "old_value": "a", "new_value": "b"}]}, {"email": ("a", "b")}),
        ({"before": {"email": "a", "name": "x"}, "after": {"email": "b", "name": "x"}}, {"email": ("a", "b")}),
    ],
)
def test_what_changed_is_read_in_the_forms_that_crms_use(
    sent: dict[str, Any], changes: dict[str, tuple[Any, Any]]
) -> None:
    """Names in `changed`, values in `changes`; read again it is the same."""
    payload = CONTACT.read({"contact_id": 8841, **sent})
    flow = seen(payload)
    assert flow["changed"] == list(changes)
    assert {name: (pair["before"], pair["after"]) for name, pair in flow["changes"].items()} == changes
    assert CONTACT.read(flow) == payload


@pytest.mark.parametrize("sent", [["email", "tags"], "email, tags", [{"field": "email"}, {"name": "tags"}]])
def test_names_alone_say_what_changed(sent: object) -> None:
    """Without before and after."""
    flow = seen(CONTACT.read({"id": "1", "changed_fields": sent}))
    assert (flow["changed"], flow["changes"]) == (["email", "tags"], {})


def test_what_changed_in_a_form_that_nobody_knows_is_kept() -> None:
    """Under raw, where unknown fields are."""
    assert seen(CONTACT.read({"id": "1", "changes": 7, "x": 1}))["raw"] == {"changes": 7, "x": 1}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("Delivered", "delivered"),
        ("DELIVRD", "delivered"),
        ("undeliverable", "failed"),
        ("not delivered", "failed"),
        ("queued", "queued"),
        ("read", "read"),
        ("expired", "expired"),
        ("frobnicated", "other"),
        (3, "other"),
    ],
)
def test_a_status_is_one_of_a_closed_set_with_the_senders_word_beside(sent: object, expected: str) -> None:
    """So that a flow can switch over it, and nothing is lost."""
    payload = SMS.read({"sms_id": 5, "state": sent, "to": "351912345678"})
    flow = seen(payload)
    assert (flow["status"], flow["status_sent"], flow["recipient_e164"]) == (expected, str(sent), "+351912345678")
    assert SMS.read(flow) == payload
    assert payload.own_id() == f"5/{sent}"


def test_a_status_without_a_status_is_refused() -> None:
    """And one of no message."""
    for body in ({"id": 1}, {"id": 1, "status": ""}, {"id": 1, "status": None}, {"status": "sent"}):
        with pytest.raises(ValidationError):
            SMS.read(body)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2026-03-02T09:30:00Z", "2026-03-02T09:30:00Z"),
        ("2026-03-02T10:30:00+01:00", "2026-03-02T09:30:00Z"),
        ("2026-03-02 09:30:00", "2026-03-02T09:30:00Z"),
        (1772443800, "2026-03-02T09:30:00Z"),
        ("1772443800000", "2026-03-02T09:30:00Z"),
        (None, None),
    ],
)
def test_a_time_is_an_aware_utc_time(sent: object, expected: str | None) -> None:
    """However it is written."""
    assert seen(LEAD.read({"email": "a@b.pt", "created_at": sent}))["created_at"] == expected


@pytest.mark.parametrize("sent", ["yesterday", "", [], 1e300, True, "9" * 400])
def test_a_time_that_nobody_can_read_refuses_nothing(sent: object) -> None:
    """It is kept as it was sent."""
    payload = LEAD.read({"email": "a@b.pt", "created_at": sent})
    flow = seen(payload)
    assert (flow["created_at"], flow["raw"]) == (None, {"created_at": sent})
    assert LEAD.read(flow) == payload


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("912 345 678", "PT", "+351912345678"),
        ("912 345 678", "", ""),
        ("+351 912 345 678", "", "+351912345678"),
        ("00351912345678", "BR", "+351912345678"),
        ("123", "PT", ""),
        ("", "PT", ""),
        ("912345678", "Portugal", ""),
    ],
)
def test_a_phone_is_in_e164_beside_what_was_sent_where_it_is_one(number: str, country: str, expected: str) -> None:
    """Never guessed at."""
    flow = seen(LEAD.read({"email": "a@b.pt", "phone": number, "country": country, "mobile_number_e164": "+1"}))
    assert (flow["mobile_number"], flow["mobile_number_e164"]) == (number, expected)


def test_a_text_for_people_that_is_too_long_is_cut_and_kept_whole() -> None:
    """Between two characters as people see them; each under the name that it came by, and told."""
    family = "👨\u200d👩\u200d👧"
    name = "x" * (MOST_NAME - 1) + family
    sent = {"lead_id": "7", "email": "a@x.pt", "fullName": name, "tags": ["a", "b" * 300], "country": "é" * 251}
    lead = LEAD.read(sent)
    kept = seen(lead)
    assert (kept["name"], kept["country"]) == ("x" * (MOST_NAME - 1), "é" * MOST_COUNTRY)
    assert kept["tags"] == ["a", "b" * MOST_TAG]
    assert lead.raw == {"fullName": name, "tags": ["a", "b" * 300], "country": "é" * 251}
    assert set(lead.otherwise()) == {(f"/{field}", TOO_LONG) for field in ("fullName", "tags", "country")}
    assert LEAD.read(kept) == lead
    listed = LEAD.read({"email": "a@x.pt", "tags": f"a,{'b' * 300}, c"})
    assert seen(listed)["tags"] == ["a", "b" * MOST_TAG, "c"]
    assert listed.raw == {"tags": f"a,{'b' * 300}, c"}


def test_a_text_is_measured_as_flows_see_it() -> None:
    """In NFC: a name from a Mac has no more characters than others have; what composes to more has them."""
    mac = LEAD.read({"email": "a@x.pt", "name": "e\u0301" * MOST_NAME})
    assert (seen(mac)["name"], mac.raw) == ("é" * MOST_NAME, {})
    hindi = LEAD.read({"email": "a@x.pt", "name": "\u0958" * MOST_NAME})
    assert len(seen(hindi)["name"]) <= MOST_NAME
    assert hindi.otherwise() == [("/name", TOO_LONG)]


def test_a_text_inside_of_an_object_is_cut_too() -> None:
    """The profile's name of a contact on WhatsApp."""
    message = WHATSAPP.read({"from": "351912345678", "text": "Olá", "contact": {"name": "x" * 300}})
    assert seen(message)["contact"]["name"] == "x" * MOST_NAME
    assert message.otherwise() == [("/contact/name", TOO_LONG)]


@pytest.mark.parametrize("field", ["lead_id", "email", "mobile_number"])
def test_what_names_somebody_is_never_cut(field: str) -> None:
    """A part of it would be another's: it is refused, with its place."""
    with pytest.raises(ValidationError) as refused:
        LEAD.read({"lead_id": "7", "email": "a@x.pt", "mobile_number": "912345678", field: "9" * 600})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]
