"""A group is assigned anew exactly when partitions are nobody's, and by one of its members."""

from __future__ import annotations

import pytest
from aiokafka.errors import KafkaConnectionError

from services.runtime.kafka.group_consumer import holder
from services.runtime.kafka.membership import Assignor, Membership, Seen

NOT_STABLE = None
AWAY = KafkaConnectionError("planted")


async def asked(*looks: Seen | KafkaConnectionError | None) -> list[int]:
    """After which looks a new assignment was asked for."""
    found: list[int] = []
    number = 0

    async def ask() -> Seen | None:
        seen = looks[number]
        if isinstance(seen, KafkaConnectionError):
            raise seen
        return seen

    membership = Membership(ask, lambda: found.append(number))
    for number in range(len(looks)):  # noqa: B007 - `ask` reads it
        await membership.look()
    return found


@pytest.mark.parametrize(("first", "after"), [(True, [1, 3, 5]), (False, [3])])
async def test_partitions_of_nobody_have_the_group_assigned_anew(*, first: bool, after: list[int]) -> None:
    """By its first member, at the second look; by another one when that did not help."""
    assert await asked(*[Seen(first, 3)] * 6) == after


async def test_a_group_that_has_all_is_left_alone() -> None:
    """A member that is one too many has nothing, and nothing is nobody's."""
    assert await asked(*[Seen(first=True, nobodys=0)] * 6) == []


@pytest.mark.parametrize("between", [NOT_STABLE, AWAY, Seen(first=True, nobodys=0)], ids=["joining", "away", "well"])
async def test_a_moment_is_no_reason(between: Seen | KafkaConnectionError | None) -> None:
    """What stood before Kafka was away, or the group was assigned, does not count after it."""
    missing = Seen(first=True, nobodys=1)
    assert await asked(missing, between, missing, between) == []


def test_a_member_says_something_new_of_itself_only_when_it_shall() -> None:
    """Else each restart of a member with an instance id would move all others."""
    one, other = Assignor(), Assignor()
    before = one.metadata(["events"]).encode()
    assert other.metadata(["events"]).encode() == before
    one.differ()
    first = one.metadata(["events"]).encode()
    one.differ()
    assert len({before, first, one.metadata(["events"]).encode()}) == 3


UUID = "0b0f0c3e-7a5b-4b59-9e1f-111111111111"
OTHER = "0b0f0c3e-7a5b-4b59-9e1f-222222222222"


@pytest.mark.parametrize(
    ("own", "members", "other"),
    [
        (f"actions-1-{UUID}", [f"actions-1-{UUID}", f"actions-1-2-{OTHER}"], None),
        (f"actions-1-{UUID}", [f"actions-1-{OTHER}"], f"actions-1-{OTHER}"),
        (f"actions-1-{UUID}", [f"actions-1-2-{OTHER}", f"aiokafka-{OTHER}"], None),
        (f"actions-1-{UUID}", [], None),
        ("", [f"actions-1-{OTHER}"], None),
    ],
    ids=["itself", "another", "others", "thrown out", "not joined"],
)
def test_who_has_the_place_of_an_instance_id(own: str, members: list[str], other: str | None) -> None:
    """Another process of the same id, and no other member."""
    assert holder("actions-1", own, members) == other
