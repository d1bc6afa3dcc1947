"""Does `flows check` catch what people get wrong? `python -m tests.bench.mutants [--count N] [--seed S] [--only WORD]`.

Mistakes of eight kinds in the flows of examples/, all of them or a seeded sample. What the checker lets pass is run
with values of its trigger's type. Exit code 1 when under 97 % of the mistakes that die or never call anything are
caught, or when one is legal that legal.toml does not name.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter

from tests.bench.mutants.judge import Judge, Judgement, Verdict, documents, legal, mistakes
from tests.bench.mutants.mistakes import KINDS

LEAST = 0.97
MOST_LEGAL = 0.05


def main(arguments: list[str]) -> int:
    """Judge, tell, and say whether the targets hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=0, help="so many, drawn by chance; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="those with this in their name")
    given = parser.parse_args(arguments)
    chosen = [each for each in mistakes(documents()) if given.only in each.name]
    if given.count:
        chosen = random.Random(given.seed).sample(chosen, min(given.count, len(chosen)))  # noqa: S311 - a sample
    judge = Judge(given.seed)
    return 0 if told([judge.judge(each) for each in chosen]) else 1


def told(judgements: list[Judgement]) -> bool:
    """Print the score; whether it is good enough."""
    known = legal()
    good = True
    for each in judgements:
        if each.verdict is not Verdict.CAUGHT:
            reason = known.get(each.mistake.name) if each.verdict is Verdict.LEGAL else None
            good = good and (each.verdict is not Verdict.LEGAL or reason is not None)
            print(f"{each.verdict.value}: {each.mistake.name}\n    {each.why[:300]}")
            print(f"    legal: {reason}" if reason else "")
    for kind in KINDS:
        counts = Counter(each.verdict for each in judgements if each.mistake.kind == kind)
        print(f"{kind:12}", *(f"{verdict.value} {counts[verdict]:4}" for verdict in Verdict))
    counts = Counter(each.verdict for each in judgements)
    wrong = len(judgements) - counts[Verdict.LEGAL]
    score, share = counts[Verdict.CAUGHT] / max(wrong, 1), counts[Verdict.LEGAL] / max(len(judgements), 1)
    print(f"\n{len(judgements)} mistakes, {wrong} that are wrong: {score:.1%} caught; {share:.1%} are legal")
    return good and score >= LEAST and share <= MOST_LEGAL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
