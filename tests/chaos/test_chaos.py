"""One short seed of `python -m tests.chaos`: many troubles at once on the real parts, judged at the destinations."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.plan import short, whole
from tests.chaos.play import play

SEED = 1


async def test_whatever_can_go_on_goes_on_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    """Services, Kafka and PostgreSQL are killed, destinations ill, the network cut; poison comes, and a deploy.

    Every event that was answered 202 has its end, at most once is never twice, order holds, unknown outcomes have a
    cause, every process works again and ends cleanly.
    """
    lines: list[str] = []
    verdict = await play(short(SEED), tmp_path, lines.append)
    assert not verdict.faults, "\n".join((*verdict.faults, *verdict.notes, *lines))


def test_a_seed_is_the_same_each_time() -> None:
    """So a failing one can be played again."""
    assert [whole(seed) for seed in range(50)] == [whole(seed) for seed in range(50)]
    assert len({whole(seed).troubles for seed in range(50)}) == 50
