"""Which items of a poll without ids are still there, and which came to be again."""

from __future__ import annotations

from typing import Any

import orjson

from services.ingest.poll_repeats import PollAnswer


def ids(*answers: str, moved: bool = False) -> list[list[tuple[str, int, int]]]:
    """By answer: the items, one letter each, of one subject, with their numbers. Two in capitals are another's."""
    seen: Any = {}
    found = []
    for number, answer in enumerate(answers):
        # As it comes back from PostgreSQL; asked for twice, since a replica may die before it is written.
        kept = orjson.loads(orjson.dumps(seen))
        for _ in range(2):
            listing = PollAnswer(kept, str(number) if moved else None)
            items = [(item, *listing.number("big" if item.isupper() else "small", item)) for item in answer]
            seen = listing.after()
        found.append(items)
    return found


def new(*answers: str, moved: bool = False) -> str:
    """The items that no answer before had under the same numbers."""
    known: set[tuple[str, int, int]] = set()
    told = ""
    for items in ids(*answers, moved=moved):
        for item in items:
            told += "" if item in known else item[0]
            known.add(item)
    return told


def test_there_and_back_is_every_change() -> None:
    """Where the list has the state of each subject, and where it has the changes; with a cursor and without one."""
    for moved in (False, True):
        assert new("a", "b", "a", "b", moved=moved) == "abab"
        assert new("aba", "b", moved=moved)[:3] == "aba"
    assert new("ab", "a", "b", moved=True) == "abab"


def test_what_is_still_listed_is_one() -> None:
    """However often it is asked for, whatever comes behind it or leaves, and when the answer lists it twice."""
    assert new("ab", "ab", "abc", "bc") == "abc"
    assert new("aab", "aab", "ab") == "ab"
    assert new("aba", "aba", "abab") == "abab"
    assert new("aX", "a", "aX", "X", "aXY") == "aXY"


def test_a_cursor_that_begins_with_what_it_ended_with_brings_nothing_twice() -> None:
    """As `since` of many systems does: the last item comes once more."""
    assert new("ab", "bc", "c", "cd", moved=True) == "abcd"


def test_the_first_of_a_content_has_the_id_that_it_always_had() -> None:
    """So that an upgrade repeats nothing."""
    assert ids("ab")[0] == [("a", 0, 0), ("b", 0, 0)]


def test_what_is_kept_is_bounded() -> None:
    """The subjects that were listed last."""
    listing = PollAnswer({}, None)
    for number in range(6000):
        listing.number(str(number), "a")
    kept = listing.after()
    assert (len(kept), "0" in kept, "5999" in kept) == (5000, False, True)
