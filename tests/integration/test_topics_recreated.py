"""A topic that is deleted and made again, or that ends before what was committed: work goes on, and it is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import ACTIONS, EVENTS, RUNS, Topic
from services.actions.consumer import GROUP as ACTIONS_GROUP
from services.runtime import kafka
from services.runtime.settings import RuntimeSettings
from services.tools.faust_app import GROUP as TOOLS_GROUP
from tests.support.both import both

GROUPS = ((TOOLS_GROUP, EVENTS), (TOOLS_GROUP, RUNS), (ACTIONS_GROUP, ACTIONS))
BEYOND = 100_000


async def recreated(settings: RuntimeSettings, topic: Topic) -> None:
    """Delete a topic, and make it again as soon as that is done."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic.under(settings.topic_prefix)])
    finally:
        await admin.close()
    async with asyncio.timeout(30):
        while not await kafka.make_topics(settings, [topic]):  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.1)


async def committed_beyond(settings: RuntimeSettings, group: str, topic: Topic) -> None:
    """As after a broker lost the end of a partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap, group_id=settings.topic_prefix + group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic.under(settings.topic_prefix), number) for number in range(2)]
        consumer.assign(places)
        await consumer.commit(dict.fromkeys(places, BEYOND))
    finally:
        await consumer.stop()


async def test_topics_made_anew_under_load_are_consumed_from_their_beginning(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Their offsets start anew, before those that were reached: what comes then is done, without a restart.

    What is on its way while a topic is deleted may go with it: that is what was asked for.
    """
    async with both(kafka_bootstrap, own_database, topic_prefix, tmp_path) as stage:
        stage.start()
        await stage.through(30)
        for topic in (EVENTS, RUNS, ACTIONS):
            load = asyncio.create_task(stage.send(20))
            await recreated(stage.settings, topic)
            await asyncio.gather(load, return_exceptions=True)
            await stage.through(10)
        stage.stop()


async def test_offsets_that_were_committed_beyond_the_end_lose_nothing(
    kafka_bootstrap: str, own_database: str, topic_prefix: str, tmp_path: Path
) -> None:
    """On each topic: read from its beginning, told of as an error, and counted; nothing is done twice."""
    async with both(kafka_bootstrap, own_database, topic_prefix, tmp_path) as stage:
        for group, topic in GROUPS:
            await committed_beyond(stage.settings, group, topic)
        stage.start()
        await stage.through(30)
        assert len(stage.bodies()) == 60
        said = stage.logged()
        for _, topic in GROUPS:
            told = [line for line in said.splitlines() if '"position.reset"' in line]
            assert any(topic.under(topic_prefix) in line for line in told), topic.name
        shown = await stage.tools.until("/metrics", lambda status, _: status == 200)
        assert 'flows_positions_reset_total{partition="0",topic="events"}' in shown
        stage.stop()
