"""Requests of any content through every reader of ingest, without HTTP and Kafka.

Made by hypothesis, in as many processes as there are cores; the first exception that gets out ends it, with its input.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.support import properties
from tests.support.any_request import body_bytes, headers, outcome

COUNT = 1_000_000
SHARE = 10_000


def share(number: int) -> Counter[str]:
    """One seed's inputs; what became of them."""
    properties.register()
    seen: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=SHARE,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 1_000_000), headers, body_bytes)
    def one(chosen: int, sent: dict[bytes, bytes], body: bytes) -> None:
        seen[outcome(chosen, sent, body)] += 1

    one()
    return seen


def main() -> None:
    """Run all shares, print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.readers", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=COUNT, help="inputs at least, %(default)s by default")
    count = parser.parse_args().count
    begun = time.monotonic()
    seen: Counter[str] = Counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(share, range(-(-count // SHARE))):
            seen += done
            print(f"{seen.total()} inputs, {time.monotonic() - begun:.0f} s", file=sys.stderr)
    print(f"{seen.total()} inputs, no exception got out: {dict(seen)}")


if __name__ == "__main__":
    main()
