"""Echoes: what is the same, what is a change, what is suppressed, what passes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.runs import Run
from contracts.writes import SETS
from services.actions.registry import ACTIONS, writes_of
from services.flows.outcomes import Act
from services.flows.sync import (
    Mark,
    OpenWrite,
    ReportedChange,
    Write,
    changed,
    judge,
    marked,
    marks,
    only,
    people,
    system_of,
    written,
)
from tests.support.flows import compiled, faults_of, first, flow_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def told(**data: Any) -> Event:
    """A change of a contact in Closum."""
    now = datetime(2026, 5, 31, tzinfo=UTC)
    return Event(
        id="1", source="/c", type="closum.contact.updated", subject="8", time=now, data={"contact_id": "8"} | data
    )


def wrote(hops: int = 0, **fields: Any) -> OpenWrite:
    """A write of ours that waits for its echo."""
    return OpenWrite("w", hops, {name: Mark(*marks(value)) for name, value in fields.items()})


def change_of(event: Event) -> ReportedChange:
    """What it says, which must be a change."""
    change = changed(event)
    assert change is not None
    return change


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Inês", "Ine\u0302s", True),  # composed and not
        (" Ana  Maria ", "ana maria", True),
        ("+351 912 345 678", "351912345678", True),
        (5, "5", True),
        (5.0, 5, True),
        (True, "true", True),
        (None, "", True),
        (["b", "a"], ["A", "b"], True),
        ({"a": 1}, {"a": "1"}, True),
        ("Ana", "Anna", False),
        (5, 6, False),
        (["a"], ["a", "b"], False),
        ("", "x", False),
    ],
)
def test_values_are_compared_as_people_mean_them(one: object, other: object, alike: object) -> None:
    assert (marks(one)[1] == marks(other)[1]) is alike


@given(JSON, JSON)
def test_equal_values_are_alike_and_any_json_has_marks(one: Any, other: Any) -> None:
    assert marks(one) == marks(one)
    if marks(one)[0] == marks(other)[0]:
        assert marks(one)[1] == marks(other)[1]


def test_a_change_says_what_and_of_whom() -> None:
    """By every name that the entity has or had; bookkeeping says nothing."""
    event = told(
        email="new@x.pt",
        name="Ana",
        changed=["email", "full_name", "updated_at"],
        changes={"email": {"before": "old@x.pt", "after": "new@x.pt"}, "full_name": {"after": "Ana"}},
    )
    change = change_of(event)
    assert change.fields == {"email": "new@x.pt", "name": "Ana"}
    assert (change.system, change.entity) == ("closum", "8")
    assert len(change.aliases) == 3


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"changed": []},
        {"changed": ["updated_at"]},
        {"changed": "name"},
        {"changes": 5},
        {"contact_id": "", "changed": ["name"]},
    ],
)
def test_what_says_no_change_is_none(data: dict[str, Any]) -> None:
    """It passes as any other event does."""
    assert changed(told(**data)) is None


def test_a_value_that_only_the_payload_has_is_taken_from_there() -> None:
    event = told(
        name="Ana",
        raw={"city": "Porto"},
        changed=["name", "city", "gone"],
        changes={"name": {"before": None, "after": None}},
    )
    assert change_of(event).fields == {"name": "Ana", "city": "Porto", "gone": None}


def test_an_echo_is_suppressed_once() -> None:
    """A second event with the same values is somebody else's; the first one again is not."""
    write = wrote(name="Ana", phone="+351912345678")
    change = change_of(told(changes={"name": {"after": "Ana"}, "mobile_number": {"after": "351 912 345 678"}}))
    found = judge(change, [write], "e1")
    assert (found.suppressed, found.near) == (True, ("phone",))
    assert judge(change, [write], "e1").suppressed
    assert judge(change, [write], "e2").foreign == ("name", "phone")


def test_each_write_answers_for_one_echo() -> None:
    writes = [wrote(name="Ana"), wrote(name="Ana")]
    change = change_of(told(changes={"name": {"after": "Ana"}}))
    assert [judge(change, writes, origin).suppressed for origin in ("e1", "e2", "e3")] == [True, True, False]


def test_the_exact_value_is_preferred_to_one_that_is_alike() -> None:
    """So that a write whose value came back unaltered is the one that is used."""
    writes = [wrote(name="ANA"), wrote(name="Ana")]
    found = judge(change_of(told(changes={"name": {"after": "Ana"}})), writes, "e")
    assert found.near == ()
    assert writes[0].fields["name"].used_by is None


def test_mixed_changes_pass_with_only_the_foreign_fields() -> None:
    event = told(
        name="Ana",
        email="a@x.pt",
        changed=["name", "email"],
        changes={"name": {"after": "Ana"}, "email": {"after": "a@x.pt"}},
    )
    found = judge(change_of(event), [wrote(hops=1, name="Ana")], "e")
    passed = only(event, found)
    assert passed.data["changed"] == ["email"]
    assert list(passed.data["changes"]) == ["email"]
    assert (passed.data["name"], passed.hops) == ("Ana", 2)


def test_a_change_without_a_write_of_ours_has_no_hops() -> None:
    event = told(changes={"name": {"after": "Ana"}})
    assert only(event, judge(change_of(event), [], "e")) == event


def tagged(**tags: Any) -> ReportedChange:
    """The tags of a contact in Closum are others now: `before` and `after`, as far as it is said."""
    return change_of(told(changes={"tags": tags}))


def opened(write: Write | None) -> OpenWrite:
    """It waits for its echo."""
    assert write is not None
    return OpenWrite("w", 0, marked(write))


def tags(*, added: str | None = None, removed: str | None = None) -> OpenWrite:
    """A contact of ours got a tag, or lost one."""
    gone = {} if removed is None else {"tags": removed}
    return opened(Write("closum", {"id": "8"}, {}, {} if added is None else {"tags": added}, gone))


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ({"before": ["b"], "after": ["b", "a"]}, True),
        ({"before": None, "after": ["A"]}, True),  # the destination writes it in its own way
        ({"after": ["b", "a"]}, True),  # the whole list, and nothing of what was there
        ({"after": "a"}, True),  # the one tag alone
        ({"before": ["a"], "after": ["a"]}, True),  # it had it already, and is told of all the same
        ({"before": ["b"], "after": ["b", "c"]}, False),
        ({"before": ["a", "b"], "after": ["b"]}, False),
        ({"before": ["b"], "after": ["b", "a", "c"]}, False),  # somebody else's beside ours
        ({"before": ["b", "a"], "after": ["b", "a", "c"]}, False),
        ({"after": ["b"]}, False),
        ({"after": []}, False),
    ],
)
def test_the_echo_of_a_tag_is_the_tag_that_came(said: dict[str, Any], ours: object) -> None:
    """Whatever else the contact has. What somebody else adds passes."""
    found = judge(tagged(**said), [tags(added="a")], "e")
    assert found.suppressed is ours


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ({"before": ["a", "b"], "after": ["b"]}, True),
        ({"before": ["a"], "after": None}, True),
        ({"before": "a", "after": None}, True),
        ({"after": ["b"]}, True),
        ({"before": ["b"], "after": ["b"]}, True),
        ({"before": ["a", "b"], "after": ["a"]}, False),
        ({"before": ["a", "b"], "after": []}, False),
        ({"before": ["b"], "after": ["b", "a"]}, False),
        ({"after": ["a", "b"]}, False),
    ],
)
def test_the_echo_of_a_tag_that_was_taken_away_is_the_tag_that_went(said: dict[str, Any], ours: object) -> None:
    assert judge(tagged(**said), [tags(removed="a")], "e").suppressed is ours


def test_a_tag_of_ours_answers_for_one_change() -> None:
    """Also when it comes with somebody else's: then the change passes, and the next of that tag is nobody's echo."""
    write = tags(added="a")
    assert judge(tagged(before=[], after=["a", "c"]), [write], "e1").foreign == ("tags",)
    assert judge(tagged(before=["c"], after=["c", "a"]), [write], "e2").foreign == ("tags",)
    assert judge(tagged(before=[], after=["a", "c"]), [tags(added="a"), tags(added="c")], "e").suppressed


def test_a_list_that_the_destination_adds_to_its_own_is_an_altered_echo() -> None:
    """And one that replaces the destination's is an exact one. Somebody's tag beside it is not ours."""
    write = Write("closum", {"id": "8"}, {"tags": ["a", "c"]})
    found = judge(tagged(before=["b"], after=["b", "a", "c"]), [opened(write)], "e")
    assert (found.suppressed, found.near) == (True, ("tags",))
    found = judge(tagged(before=["b"], after=["a", "c"]), [opened(write)], "e")
    assert (found.suppressed, found.near) == (True, ())
    assert judge(tagged(before=[], after=["a", "x"]), [opened(write)], "e").foreign == ("tags",)
    assert judge(tagged(after=["a", "c", "x"]), [opened(write)], "e").foreign == ("tags",)


def test_a_list_that_came_back_as_a_whole_answers_for_none_of_its_members() -> None:
    one = opened(Write("closum", {"id": "8"}, {"tags": ["a", "c"]}))
    assert judge(tagged(before=[], after=["a", "c"]), [one], "e1").suppressed
    assert judge(tagged(before=["c"], after=["c", "a"]), [one], "e2").foreign == ("tags",)


@given(st.frozensets(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")), st.lists(st.sampled_from("abcd")))
def test_what_tags_come_and_go_is_an_echo_when_all_of_them_are_ours(
    before: frozenset[str], adds: list[str], removes: list[str]
) -> None:
    """And every one that is not makes the change somebody else's."""
    after = (before | set(adds)) - set(removes)
    change = tagged(before=sorted(before), after=sorted(after))

    def writes(skipped: int) -> list[OpenWrite]:
        ours = [tags(added=one) for one in after - before] + [tags(removed=one) for one in before - after]
        return ours[skipped:]

    if writes(0):
        assert judge(change, writes(0), "e").suppressed
        assert judge(change, writes(1), "e").foreign == ("tags",)


@pytest.mark.parametrize(
    ("action", "inputs", "expected"),
    [
        ("closum.contact.add_tag", {"contact_id": "8", "tag": "a"}, ({"id": "8"}, {"tags": "a"}, {})),
        (
            "closum.contact.remove_tag_by_email",
            {"email": "a@x.pt", "tag": "a"},
            ({"email": "a@x.pt"}, {}, {"tags": "a"}),
        ),
    ],
)
def test_a_tag_action_sets_one_member(action: str, inputs: dict[str, Any], expected: tuple[object, ...]) -> None:
    event = told()
    run = Run(id="r", flow="f", version="v", event=event, key="8")
    request = ActionRequest(effect_id="e", action=action, inputs=inputs, step="0", run=run, requested=event.time)
    write = written(request)
    assert write is not None
    assert (write.aliases, write.added, write.removed) == expected


def test_marks_of_members_are_shown_as_people_read_them() -> None:
    write = Write("closum", {"id": "8"}, {"name": "x", "tags": ["a", "c"]}, {"interests": "a"}, {"lists": "b"})
    assert people(marked(write)) == ["interests (one added)", "lists (one removed)", "name", "tags"]


def test_the_system_of_a_trigger() -> None:
    assert system_of("closum.contact.updated") == "closum"
    assert system_of("webhook.crm") == "crm"
    assert system_of("shopify.customer") == "shopify"


def test_every_action_that_takes_a_leads_fields_or_a_tag_says_what_it_writes() -> None:
    """So that its own change is not taken for a foreign one; and the table is what the actions declare."""
    takes = {name: one.signature.inputs.model_fields.keys() for name, one in ACTIONS.items()}
    takers = {name for name, its in takes.items() if {"name", "custom_fields"} <= its or "tag" in its}
    assert takers == writes_of(ACTIONS).keys()
    assert writes_of(ACTIONS) == SETS


WRITES = """
- action: http.call
  with: { method: POST, url: / }
  writes:
    system: crm
    id: ${ trigger.id }
    phone: ${ trigger.from }
    fields: { full_name: "${ trigger.id }", a: 1 }
"""


def test_a_flow_says_what_a_call_sets() -> None:
    act = first(compiled(WRITES))
    assert isinstance(act, Act)
    assert act.write is not None
    assert (act.write.system, act.write.aliases) == ("crm", {"id": "7", "phone": "912 345 678"})
    assert act.write.fields == {"name": "7", "a": 1}


@pytest.mark.parametrize(
    ("writes", "expected"),
    [
        ("crm", ["6:11 value_invalid"]),
        ("{ id: '${ trigger.id }', fields: { a: 1 } }", ["6:11 key_missing"]),
        ("{ system: crm, fields: { a: 1 } }", ["6:11 key_missing"]),
        ("{ system: crm, id: '${ trigger.id }' }", ["6:11 key_missing"]),
        ("{ system: crm, id: 5, fields: { a: 1 } }", ["6:30 value_invalid"]),
        ("{ system: crm, id: '${ trigger.id }', fields: [] }", ["6:57 value_invalid"]),
        ("{ system: crm, id: '${ trigger.nothing }', fields: { a: 1 } }", ["6:42 field_unknown"]),
    ],
)
def test_each_mistake_in_writes_is_found(writes: str, expected: list[str]) -> None:
    assert (
        faults_of(flow_text(f"- action: http.call\n  with: {{ method: POST, url: / }}\n  writes: {writes}")) == expected
    )
