"""What people get wrong in a flow is caught before it runs: a sample of `python -m tests.bench.mutants`."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.bench.mutants.judge import Judge, Verdict, documents, legal, mistakes
from tests.bench.mutants.mistakes import KINDS, Mistake

SEED = 7
SAMPLE = 80


@pytest.fixture(scope="module")
def all_mistakes() -> list[Mistake]:
    """Those of all examples."""
    return mistakes(documents())


def test_there_are_mistakes_of_each_kind(all_mistakes: list[Mistake]) -> None:
    """At least 400, and what is listed as legal is among them: at most one in twenty."""
    counts = Counter(each.kind for each in all_mistakes)
    assert set(counts) == set(KINDS)
    assert min(counts.values()) >= 30, counts
    assert len(all_mistakes) >= 400
    assert set(legal()) <= {each.name for each in all_mistakes}
    assert len(legal()) <= 0.05 * len(all_mistakes)
    assert all(legal().values())


def test_mistakes_are_caught_before_a_run_dies_of_them(all_mistakes: list[Mistake]) -> None:
    """All but a few of a seeded sample; what passes the check and dies of no event is known to be legal."""
    judge = Judge(SEED)
    known = legal()
    sample = random.Random(SEED).sample(all_mistakes, SAMPLE)  # noqa: S311 - a sample
    judged = [judge.judge(each) for each in sample]
    assert {each.mistake.name for each in judged if each.verdict is Verdict.LEGAL} <= set(known)
    missed = [each for each in judged if each.verdict in (Verdict.DIES, Verdict.NEVER)]
    assert len(missed) <= 0.03 * SAMPLE, missed
