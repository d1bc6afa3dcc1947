"""Runs whose last call failed for good: services/actions wrote the dead letter, and their claims are free from now on.

Read from the topic and not told by services/actions: so it holds for whoever writes dead letters, and costs the way of
a call nothing. Letters are few.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from pydantic import ValidationError

from contracts.actions import ActionRequest
from contracts.dead_letters import DeadLetter
from contracts.topics import ACTIONS_DLQ
from services.runtime import kafka, logging, metrics
from services.runtime.apart import apart
from services.runtime.back_off import BackOff
from services.runtime.cures import curable
from services.runtime.tables.dead_runs import DeadRunMark
from services.tools.settings import ToolsSettings

log = logging.get("deaths")
GROUP = "deaths"
POLL_MS = 1000


def dead_runs_of(letters: Sequence[ConsumerRecord]) -> list[DeadRunMark]:
    """The runs that came to nothing, by their letters. One whose call may have had its effect keeps what it claimed."""
    return [found for letter in letters if (found := _death(letter)) is not None]


def _death(letter: ConsumerRecord) -> DeadRunMark | None:
    try:
        found = DeadLetter.from_headers(letter.headers or ())
        request = ActionRequest.read(letter.value)
    except ValidationError:
        return None  # a request that nobody can read: what it claimed stays claimed
    run = request.run
    if found.code.effect_possible if found.effect_possible is None else found.effect_possible:
        return None
    return DeadRunMark(run.id, run.done, found.at, run.event.account, request.effect_id)


class DeadRunMarker:
    """Reads dead letters of actions, one replica for all. `mark` waits while PostgreSQL is away."""

    def __init__(self, settings: ToolsSettings, mark: Callable[[Sequence[DeadRunMark]], Awaitable[None]]) -> None:
        self._settings = settings
        self._mark = mark

    async def run(self) -> None:
        """For ever. When Kafka fails, it begins anew: a letter that is read twice is marked once."""
        back_off = BackOff()
        while True:
            consumer = kafka.consumer(self._settings, GROUP)
            consumer.subscribe([ACTIONS_DLQ.under(self._settings.topic_prefix)])
            try:
                await consumer.start()
                back_off.worked()
                await self._follow(consumer)
            except Exception as error:  # noqa: BLE001 - no letter ends this process; a bug is told
                if not curable(error):
                    _bug(error)
                if back_off.news(error):
                    log.warning("deaths.delayed", cause=f"{type(error).__name__}: {error}"[:500])
            finally:
                await consumer.stop()
            await back_off.wait()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            taken = await consumer.getmany(timeout_ms=POLL_MS)
            letters = [record for records in taken.values() for record in records]
            if letters:
                await apart(letters, self._marked, _passed_over)
                await consumer.commit()

    async def _marked(self, letters: Sequence[ConsumerRecord]) -> list[None]:
        await self._mark(dead_runs_of(letters))
        return [None] * len(letters)


async def _passed_over(letter: ConsumerRecord, error: Exception) -> None:
    """It is a dead letter already, and stays one: only what its run claimed stays claimed."""
    _bug(error, partition=letter.partition, offset=letter.offset)


def _bug(error: Exception, **where: int) -> None:
    log.critical("letter.broke", topic=ACTIONS_DLQ.name, exc_info=error, **where)
    metrics.BUGS.labels(ACTIONS_DLQ.name).inc()
