"""What is ill for a while, or for few, stops nobody else, and nobody for longer than it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from contracts.actions import ActionRequest, Retry
from contracts.errors import ErrorCode
from contracts.runs import HistoryRecord, Outcome, RunMessage
from contracts.topics import HISTORY, RUNS
from deploy.local.ports import free_port
from tests.support.actions import Kafka, Worker, kafka, request, worker
from tests.support.limited import of_flow, until
from tests.support.mixed_effects import folder
from tests.support.recorder import Recorder, recorder


async def ends(topics: Kafka, count: int) -> list[Outcome]:
    """How so many runs ended."""
    found = await topics.take(HISTORY, lambda records: len(records) >= count, 60)
    return [HistoryRecord.model_validate_json(record.value).outcome for record in found]


async def test_a_held_flow_goes_on_when_its_destination_is_well_again(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """400 calls of one path, the first of which die of HTTP 404; the flow is held, a trial dies, one lives, all end."""
    wrong = True
    destination_is = Recorder(answer=lambda _: (404, None) if wrong else (201, None))
    own = {"FLOWS_DEAD_LETTER_RUN": "10", "FLOWS_DEAD_LETTER_PAUSE_SECONDS": "0.5", "FLOWS_MAX_CONCURRENCY": "16"}
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with (
            recorder(destination_is) as destination,
            worker(topics, tmp_path, destination.url, own_database, **own) as one,
        ):
            one.start()
            await topics.put([of_flow(number, "flow") for number in range(400)])
            await until(lambda: one.logged().count("flow.held") >= 2)
            wrong = False
            await one.says("flow.let_go", 10)
            outcomes = await ends(topics, 400)
    assert outcomes.count(Outcome.DELIVERED) >= 300


async def test_contacts_whose_calls_always_fail_open_no_breaker(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """Twenty of them, tried again and again, also out of PostgreSQL: thirty others are called at once."""
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with recorder(few_fail()) as destination, ExitStack() as around:
            (one,) = started(around, topics, tmp_path, destination, own_database, count=1)
            await topics.put(bad(20))
            await until(lambda: len(destination.seen) >= 80)
            await topics.put(good(30))
            await until(lambda: len(healthy(destination)) == 30, 5)
            assert "breaker.opened" not in one.logged()


async def test_an_open_breaker_is_tried_with_others_than_those_that_failed(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """A hundred contacts fail, at two workers, of which one starts anew: a newcomer's first call closes the breaker."""
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with recorder(few_fail()) as destination, ExitStack() as around:
            first, second = started(around, topics, tmp_path, destination, own_database, count=2)
            await topics.put(bad(100))
            await until(lambda: any("breaker.opened" in one.logged() for one in (first, second)))
            await until(lambda: len(destination.seen) >= 100)
            first.kill()
            first.start()
            await topics.put(good(30))
            await until(lambda: len(healthy(destination)) == 30, 40)


def few_fail() -> Recorder:
    """A destination where some contacts' calls always fail."""
    return Recorder(answer=lambda body: (500, None) if str(body["phone"]).startswith("bad") else (201, None))


def bad(count: int) -> list[ActionRequest]:
    """A call each of so many contacts of them."""
    return [of_flow(number, "flow", f"bad{number}") for number in range(count)]


def good(count: int) -> list[ActionRequest]:
    """And of others."""
    return [of_flow(1_000 + number, "flow") for number in range(count)]


def healthy(destination: Recorder) -> set[int]:
    """The others that were called."""
    return {body["n"] for _, body in destination.seen if body["n"] >= 1_000}


def started(
    around: ExitStack, topics: Kafka, root: Path, destination: Recorder, database: str, *, count: int
) -> Sequence[Worker]:
    """So many workers that park soon."""
    made = []
    for number in range(count):
        own = {"FLOWS_INSTANCE_ID": f"w{number}", "FLOWS_PARK_SECONDS": "1"}
        one = worker(topics, folder(root, f"w{number}"), destination.url, database, **own)
        made.append(around.enter_context(one))
        made[-1].start()
    return made


Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
CUT = 0
SAYS = {"cut": CUT, "fails": 500, "busy": 503, "much": 429}
"""What token endpoints do while they are ill."""


@asynccontextmanager
async def serving(handler: Handler, port: int) -> AsyncIterator[None]:
    """A token endpoint."""
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_calls_wait_while_no_access_token_is_to_be_had(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """As while the destination is away: none is a dead letter, however the token endpoint is ill."""
    ill = True

    def endpoint(name: str) -> Handler:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            if ill and SAYS[name] == CUT:
                assert request.transport is not None
                request.transport.abort()
            return web.json_response({"access_token": "t"}, status=SAYS[name] or 500 if ill else 200)

        return handle

    async def well(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"access_token": "t"})

    ports = {name: free_port() for name in (*SAYS, "refused")}
    async with kafka(kafka_bootstrap, topic_prefix) as topics, AsyncExitStack() as servers:
        for name in SAYS:
            await servers.enter_async_context(serving(endpoint(name), ports[name]))
        with recorder() as destination:
            more = "".join(
                f"  {name}:\n    base_url: {destination.url}\n    authentication: {{ oauth2: 'http://127.0.0.1:{port}/',"
                " client_id: me, client_secret: { env: TEST_CLOSUM_KEY } }\n"
                for name, port in ports.items()
            )
            with worker(topics, tmp_path, destination.url, own_database, more=more) as one:
                one.start()
                each = 60
                await topics.put(
                    request(number, f"+3519100{number:06d}", connection=name, last=True)
                    for start, name in enumerate(ports)
                    for number in range(start * each, (start + 1) * each)
                )
                await until(lambda: one.logged().count("breaker.opened") >= len(ports))
                await asyncio.sleep(2)  # three attempts would be over
                ill = False
                await servers.enter_async_context(serving(well, ports["refused"]))
                outcomes = await ends(topics, each * len(ports))
                assert len(destination.seen) == each * len(ports)
    assert set(outcomes) == {Outcome.DELIVERED}


async def test_a_deadline_runs_while_the_destination_is_away(
    kafka_bootstrap: str, topic_prefix: str, tmp_path: Path, own_database: str
) -> None:
    """Too late: filtered, or sent back to its run; an old request and one with time are made when it is back."""
    now = datetime.now(UTC)
    past, soon, later = now - timedelta(minutes=1), now + timedelta(seconds=1.5), now + timedelta(hours=1)
    ways: dict[str, dict[str, object]] = {
        "past": {"deadline": past},
        "soon": {"deadline": soon},
        "back": {"deadline": soon, "resume_on_deadline": True},
        "errors": {"deadline": soon, "resume_on_error": True},
        "later": {"deadline": later},
        "old": {},
    }
    requests = {
        name: of_flow(number, "flow").model_copy(update={"retry": Retry(attempts=100, within_seconds=60)} | fields)
        for number, (name, fields) in enumerate(ways.items())
    }
    destination_is = Recorder(answer=lambda _: (503, 0.2) if datetime.now(UTC) < soon else (201, None))
    async with kafka(kafka_bootstrap, topic_prefix) as topics:
        with (
            recorder(destination_is) as destination,
            worker(topics, tmp_path, destination.url, own_database) as one,
        ):
            one.start()
            await topics.put(requests.values())
            found = await topics.take(HISTORY, lambda records: len(records) >= 5, 60)
            back = await topics.take(RUNS, lambda records: len(records) >= 1, 10)
    ended = {one.run_id: one for one in (HistoryRecord.model_validate_json(record.value) for record in found)}
    outcomes = {name: ended[one.run.id].outcome for name, one in requests.items() if one.run.id in ended}
    assert outcomes == {
        "past": Outcome.FILTERED,
        "soon": Outcome.FILTERED,
        "errors": Outcome.FILTERED,
        "later": Outcome.DELIVERED,
        "old": Outcome.DELIVERED,
    }
    assert ended[requests["soon"].run.id].code is ErrorCode.TOO_LATE
    answer = RunMessage.read(back[0].value).answer
    assert answer is not None
    assert answer.error is not None
    assert answer.error.code is ErrorCode.TOO_LATE
