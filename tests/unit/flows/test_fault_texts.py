"""What an author reads of a mistake is said as it was written down, word by word."""

from __future__ import annotations

import pytest

from tests.support.fault_texts import mistakes, written
from tests.support.flows import texts_of

WRITTEN = written()


@pytest.mark.parametrize(("name", "text", "known"), list(mistakes()), ids=[name for name, *_ in mistakes()])
def test_a_mistake_is_told_in_its_words(name: str, text: str, known: tuple[str, ...] | None) -> None:
    """A text that changes on purpose: `python -m tests.support.fault_texts` writes all anew, and the diff is read."""
    assert texts_of(text, known) == WRITTEN.get(name), "python -m tests.support.fault_texts"


def test_nothing_is_written_of_what_is_no_mistake_any_more() -> None:
    """Each stands there once."""
    names = [name for name, *_ in mistakes()]
    assert sorted(names) == sorted(WRITTEN)
