"""What our calls made, when its system tells of it: by the id surely, else by e-mail or phone, once and in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.runs import Run
from contracts.triggers.registry import TRIGGERS
from contracts.writes import TELL_OF_NEW
from services.flows.creations import BY_US, Creation, Maker, made, makers, making, new_hash, ours, told

NOW = datetime(2026, 5, 31, tzinfo=UTC)
CREATED = "closum.lead.created"


def event(type_: str = CREATED, **data: Any) -> Event:
    """A lead was made in Closum."""
    return Event(id="1", source="/hooks/leads", type=type_, subject="5", time=NOW, data=data)


def request(action: str = "closum.lead.add", *, ledby: str | None = None, **inputs: Any) -> ActionRequest:
    """A call of the flow `a`."""
    run = Run(id="r", flow="a", version="v", event=event("webhook.crm").model_copy(update={"ledby": ledby}), key="k")
    return ActionRequest(effect_id="e", action=action, inputs=inputs, step="0", run=run, requested=NOW)


def hashed(kind: str, value: str) -> str:
    """An alias in Closum."""
    return new_hash("default", "closum", kind, value)


def creation_of(**data: Any) -> Creation:
    """What it tells, which must be something new."""
    found = told(event(**data))
    assert found is not None
    return found


def maker(**more: Any) -> Maker:
    """A call that may have made Ana: e-mail a@x.pt, phone 351912345678."""
    email, phone = hashed("email", "a@x.pt"), hashed("phone", "351912345678")
    return Maker(**{"id": "m", "flows": ("a",), "aliases": frozenset({email, phone}), "email": email} | more)


ANA = {"email": "A@X.pt ", "mobile_number": "+351 912 345 678"}


def test_what_a_call_may_make_is_known_before_it_is_made() -> None:
    """By e-mail and phone, and with all flows that led to it. What makes nothing makes nothing."""
    one = making(request(email="a@x.pt", mobile_number="351912345678", name="Ana", ledby="b,c"))
    assert one is not None
    assert (one.trigger, one.system, one.flows) == (CREATED, "closum", ("b", "c", "a"))
    assert one.aliases == {"email": "a@x.pt", "phone": "351912345678"}
    assert making(request(email="", mobile_number=None)) is None
    assert making(request("closum.lead.update", lead_id="5", email="a@x.pt")) is None
    assert making(request("http.request")) is None


def test_its_id_is_known_once_it_is_answered() -> None:
    assert made(request(), {"lead_id": 5}) == made(request(), {"lead_id": "5"}) == hashed("id", "5")
    assert made(request(), {}) is made(request("closum.lead.view"), {"lead_id": "5"}) is None


def test_what_an_event_says_is_new() -> None:
    """By all names; a trigger that tells of nothing of ours tells nothing."""
    found = creation_of(lead_id=5, **ANA)
    assert (found.entity, found.id, found.email, found.at) == ("5", hashed("id", "5"), hashed("email", "a@x.pt"), NOW)
    assert hashed("phone", "351912345678") in found.aliases
    assert told(event("closum.contact.updated", lead_id="5", **ANA)) is None
    assert told(event("webhook.crm", id="5", **ANA)) is None


@pytest.mark.parametrize(
    ("data", "more", "is_ours"),
    [
        ({"lead_id": "5", **ANA}, {}, True),  # the webhook came before the answer
        ({"mobile_number": "00351912345678"}, {}, True),
        ({"email": "a@x.pt", "mobile_number": "912 345 678"}, {}, True),  # the phone as Closum writes it
        ({"lead_id": "5", **ANA}, {"made": hashed("id", "5")}, True),
        ({"lead_id": "9", **ANA}, {"made": hashed("id", "5")}, False),  # somebody entered the same person, too
        (ANA, {"made": hashed("id", "5")}, True),  # Closum does not say the id
        ({"lead_id": "5", "email": "b@x.pt"}, {"made": hashed("id", "5")}, True),  # by the id alone
        ({"email": "b@x.pt", "mobile_number": "351912345678"}, {}, False),  # Bea, who has Ana's phone
        ({"lead_id": "9", **ANA}, {"may": False}, False),  # the call never left, or was refused
        ({"lead_id": "5", **ANA}, {"may": False, "made": hashed("id", "5")}, True),
        (ANA, {"until": NOW}, True),
        (ANA, {"until": NOW - timedelta(seconds=1)}, False),  # too late: by hand
        ({"lead_id": "5", **ANA}, {"until": NOW - timedelta(hours=1), "made": hashed("id", "5")}, True),
        (ANA, {"told": "e1"}, True),  # the same event again
        (ANA, {"told": "e0"}, False),
        ({"lead_id": "5", **ANA}, {"told": "e0", "made": hashed("id", "5")}, True),
        ({"email": "other@x.pt"}, {}, False),
    ],
)
def test_the_decision(data: dict[str, Any], more: dict[str, Any], is_ours: object) -> None:
    one = maker(**more)
    assert bool(makers(creation_of(**data), [one], "e1")) is is_ours


def test_a_call_answers_for_one_event_that_does_not_say_the_id() -> None:
    one = maker()
    assert [bool(makers(creation_of(**ANA), [one], origin)) for origin in ("e1", "e2", "e1")] == [True, False, True]


def test_the_call_with_most_in_common_is_taken_and_the_oldest_of_those() -> None:
    """So that the lead of one of two people who share a phone is not taken for the other's."""
    phone = maker(id="p", aliases=frozenset({hashed("phone", "351912345678")}), email=None)
    both, later = maker(id="b"), maker(id="l")
    assert makers(creation_of(**ANA), [phone, both, later], "e1") == (both,)
    assert makers(creation_of(**ANA), [phone, both, later], "e1") == (both,)
    assert makers(creation_of(**ANA), [phone, both, later], "e2") == (later,)
    assert makers(creation_of(**ANA), [phone, both, later], "e3") == (phone,)


def test_all_calls_that_were_answered_the_id_are_meant() -> None:
    """Two flows added the same person: neither starts by it."""
    both = [maker(id=name, flows=(name,), made=hashed("id", "5")) for name in ("a", "b")]
    assert makers(creation_of(lead_id="5", **ANA), both, "e1") == tuple(both)


EVENTS = st.fixed_dictionaries(
    {"email": st.sampled_from(["a@x.pt", "b@x.pt"])},
    optional={
        "mobile_number": st.sampled_from(["351912345678", "351912345679"]),
        "lead_id": st.sampled_from(["5", "6"]),
    },
)
MAKERS = st.lists(
    st.builds(
        maker,
        made=st.sampled_from([None, hashed("id", "5"), hashed("id", "6")]),
        may=st.booleans(),
        until=st.sampled_from([None, NOW, NOW - timedelta(days=1)]),
    ),
    max_size=4,
)


@given(MAKERS, st.lists(EVENTS, max_size=6))
def test_whatever_comes(opened: list[Maker], events: list[dict[str, Any]]) -> None:
    """A known id never lies, no call is taken twice, and every event decides again as it did, in any order."""
    first = []
    for number, data in enumerate(events):
        creation = creation_of(**data)
        found = makers(creation, opened, str(number))
        first.append(found)
        for one in found:
            assert one.made is None or creation.id is None or one.made == creation.id
            assert one.surely(creation) or (one.told == str(number) and one.may)
        if any(one.made is not None and one.made == creation.id for one in opened):
            assert found
    taken = [one.told for one in opened if one.told is not None]
    assert len(taken) == len(set(taken))
    for number, data in reversed(list(enumerate(events))):
        assert makers(creation_of(**data), opened, str(number)) == first[number]


def test_what_flows_see_of_it() -> None:
    found = ours(event(lead_id="5", by_us=False), ("a", "b"), 2)
    assert (found.data["by_us"], found.led_by, found.hops) == (True, ("a", "b"), 2)


def test_no_sender_can_say_that_we_made_it() -> None:
    """Whatever it sends, and the reader refuses nothing for it."""
    for trigger in TELL_OF_NEW:
        model = TRIGGERS[trigger]
        for said in (True, "yes", 1, None, {"a": 1}):
            assert model.read({**model.example, BY_US: said}).model_dump()[BY_US] is False


def test_what_tells_of_what_actions_make_says_that_it_was_us() -> None:
    assert TELL_OF_NEW
    for trigger in TELL_OF_NEW:
        assert BY_US in TRIGGERS[trigger].model_fields
