"""One worker, put together from what it is given: the process gives it the world, a simulation gives it fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer

from contracts.topics import ACTIONS as TOPIC
from services.actions.action import Implementation
from services.actions.attempt.attempts import Attempts
from services.actions.attempt.ends import Ends
from services.actions.attempt.plan import Planner
from services.actions.connections.connection import Connection
from services.actions.consumer import Consumer
from services.actions.journal.effects_table import EffectsTable
from services.actions.journal.journal import Journal
from services.actions.journal.unknown_calls import UnknownCalls
from services.actions.limits.limits import Limits
from services.actions.limits.limits_table import LimitsTable
from services.actions.queue.assignment import Assignments
from services.actions.queue.intake import Bounds
from services.actions.queue.parked_rows import ParkedRows
from services.actions.queue.parked_table import ParkedTable
from services.actions.queue.parking import Parking
from services.actions.queue.queue import Queue
from services.actions.settings import ActionsSettings
from services.actions.world import REAL, World
from services.runtime import metrics as runtime_metrics
from services.runtime.flow_hold import FlowHold
from services.runtime.http import Client
from services.runtime.kafka.publishing import BatchPublisher, RecordSender


@dataclass(frozen=True, slots=True)
class Given:
    """What a worker has of the world. `owner`: its name, new with each start."""

    owner: str
    client: Client
    producer: RecordSender
    kafka: AIOKafkaConsumer
    effects: EffectsTable
    unknowns: UnknownCalls
    limits: LimitsTable
    parked: ParkedTable
    world: World = REAL


@dataclass(frozen=True, slots=True)
class Worker:
    """`consumer.run` is its work; `close` ends what its limits still do."""

    consumer: Consumer
    limits: Limits

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until told to stop. Raises for a bug."""
        try:
            await self.consumer.run(stop)
        finally:
            await self.limits.close()


def assembled(
    settings: ActionsSettings,
    actions: Mapping[str, Implementation],
    connections: Mapping[str, Connection],
    given: Given,
    *,
    assignments: Assignments,
    moved: Callable[[], object],
) -> Worker:
    """A worker. `assignments` has its partitions from now on; `moved` is called whenever something moves."""
    topic, news, world = TOPIC.under(settings.topic_prefix), asyncio.Event(), given.world
    planner = Planner(actions, connections)
    journal = Journal(given.effects, given.owner, moved, world=world)
    limits = Limits(given.limits, connections, topic, most=settings.max_concurrency, news=news, world=world)
    attempts = Attempts(
        given.client,
        journal,
        limits,
        Ends(BatchPublisher(given.producer), given.unknowns),
        call_seconds=settings.call_seconds,
        verify_seconds=settings.verify_seconds,
        world=world,
    )
    parking = Parking(
        ParkedRows(given.parked, moved),
        planner.plan,
        park_seconds=settings.park_seconds,
        most=settings.max_parked,
        most_bytes=settings.max_parked_bytes,
        news=news,
        world=world,
    )
    queue = Queue(
        attempts,
        journal=journal,
        limits=limits,
        hold=FlowHold.of(settings, gauge=runtime_metrics.FLOW_HELD, clock=world.now),
        parking=parking,
        assignments=assignments,
        bounds=Bounds(settings.max_pending, settings.read_ahead_bytes, settings.call_seconds),
        concurrency=settings.max_concurrency,
        plan=planner.plan,
        news=news,
        moved=moved,
        world=world,
    )
    consumer = Consumer(
        given.kafka, topic, queue, assignments, drain_seconds=settings.drain_seconds, moved=moved, world=world
    )
    return Worker(consumer, limits)
