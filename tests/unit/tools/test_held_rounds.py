"""A held run's row is over when a record of it began the run, and not when one said nothing."""

from __future__ import annotations

from pathlib import Path

from contracts.dead_letters import REDRIVEN, REDRIVEN_FLOW
from contracts.topics import EVENTS
from services.runtime.kafka import OutgoingRecord
from tests.support import batches
from tests.support.held import PLACE, SUBJECTS, MemoryHeld, Replica


async def held(folder: Path, last: int = SUBJECTS) -> tuple[Replica, MemoryHeld]:
    """A replica of which one run waits, of contact `last`, and is on its way back in its first round."""
    table = MemoryHeld()
    replica = Replica(folder, table)
    for number, contact in enumerate([*range(SUBJECTS), last]):
        data = {"message_id": "m", "from": "+351 912 345 678", "text": "7", "contact": {}}
        replica.comes(batches.event(number, id=str(number), subject=f"contact-{contact}", data=data))
    await replica.take(SUBJECTS)
    await replica.take(1)
    assert len(table.rows) == 1
    replica.flows.deployment = "good"
    await replica.letting_go.turn()
    return replica, table


def again(replica: Replica, round_: int) -> None:
    """The record of the row once more, as of this round."""
    last = replica.kafka[-1]
    headers: list[tuple[str, bytes | None]] = [(REDRIVEN, b"held/1/%d" % round_), (REDRIVEN_FLOW, b"sick")]
    replica.put(OutgoingRecord(EVENTS, last.key, last.value, headers))


async def test_a_duplicate_does_not_end_what_the_first_kept_on(tmp_path: Path) -> None:
    """Published, and the process ended before it was written: the same round comes again, after it was kept on."""
    replica, table = await held(tmp_path)
    replica.flows.deployment = "bad"
    for number in range(SUBJECTS):
        replica.hold.runs("sick", replica.flows.current("sick"))
        version = replica.flows.current("sick")
        replica.hold.failed("sick", version, "0", "x", subject=str(number), began=0.0)
    await replica.take(1)
    (row,) = table.rows.values()
    assert (row.released, row.done) == (False, False)
    again(replica, 1)
    await replica.take(1)
    assert not row.done
    assert await table.flows([PLACE]) == ["sick"]


async def test_an_earlier_round_in_the_batch_does_not_keep_the_row(tmp_path: Path) -> None:
    """The later one begins the run, and its row is over."""
    replica, table = await held(tmp_path)
    again(replica, 2)
    (row,) = table.rows.values()
    row.rounds = 2
    await replica.take(2)
    assert row.done
    assert len(replica.begun("sick")) == 1


async def test_what_is_done_again_and_came_before_the_row_does_not_wait_behind_it(tmp_path: Path) -> None:
    """The process ended before it had committed, and the row came back: what died before it dies again, and ends."""
    replica, table = await held(tmp_path, last=2)
    replica.start()
    await replica.take(10)
    assert (replica.begun("sick"), len(replica.dead())) == ([("contact-2", SUBJECTS)], SUBJECTS)
    assert [row.done for row in table.rows.values()] == [True]
