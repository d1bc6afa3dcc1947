"""What tests share: one real Kafka and one real PostgreSQL, started by the first test that asks for them."""

import asyncio
import contextlib
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import pytest
import uvloop

from deploy.local import KafkaServer, PartError, PostgresServer, on_stderr
from services.runtime import database, garbage_collector
from tests.support import properties, turns
from tests.support.minutes import Minutes

properties.register()  # before a test module makes its settings
garbage_collector.collect_seldom()  # before they are imported

S = TypeVar("S", KafkaServer, PostgresServer)


def pytest_configure(config: pytest.Config) -> None:
    """Tell at the end of a long run where its time went."""
    config.pluginmanager.register(Minutes())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each its turn."""
    turns.arrange(items)


def pytest_collection_finish() -> None:
    """What was imported stays to the end: nobody need walk it for garbage."""
    garbage_collector.tune()


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Asynchronous tests run on the loop that services run on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker that a test may kill and start again, running. Never the one of KAFKA_BOOTSTRAP.

    For such tests alone: with the topics of hundreds of others it would be back after twenty seconds, not three.
    """
    with _running(KafkaServer(tmp_path_factory.mktemp("kafka"), progress=on_stderr())) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The session's own PostgreSQL, running; a test may kill it and start it again. Never the one of DATABASE_URL."""
    with _running(PostgresServer(tmp_path_factory.mktemp("postgres"), progress=on_stderr())) as server:
        # What a killed process has written the kernel has: only a killed machine loses it, and none is killed here.
        _execute(server.url, "alter system set fsync = off")
        _execute(server.url, "select pg_reload_conf()")
        yield server


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a real Kafka: the one that KAFKA_BOOTSTRAP names, or the session's own, which no test ends."""
    if named := os.environ.get("KAFKA_BOOTSTRAP"):
        yield named
        return
    with _running(KafkaServer(tmp_path_factory.mktemp("kafka"), progress=on_stderr())) as server:
        yield server.bootstrap


@pytest.fixture(scope="session")
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database, dropped at the end, on the PostgreSQL that DATABASE_URL names or on the session's own."""
    server_url = os.environ.get("DATABASE_URL") or request.getfixturevalue("postgres_server").url
    name = f"flows_test_{uuid.uuid4().hex[:12]}"
    _execute(server_url, f"create database {name}")
    yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    _execute(server_url, f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def migrated_template(database_url: str) -> Iterator[tuple[str, str]]:
    """The server, and the name of a database on it that has all tables and no rows, to be copied."""
    name = f"{urlsplit(database_url).path.strip('/')}_template"
    _execute(database_url, f"create database {name}")
    _run(database.migrate(urlsplit(database_url)._replace(path=f"/{name}").geturl()))
    yield database_url, name
    _execute(database_url, f"drop database {name} with (force)")


@pytest.fixture
def own_database(migrated_template: tuple[str, str]) -> str:
    """A database with all tables and no rows, which no other test has. It goes with the server."""
    server_url, template = migrated_template
    name = f"flows_test_{uuid.uuid4().hex[:12]}"
    _execute(server_url, f"create database {name} template {template}")
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of topics that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}."


@contextlib.contextmanager
def _running(server: S) -> Iterator[S]:
    try:
        server.start()
    except PartError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield server
    finally:
        server.kill() if isinstance(server, KafkaServer) else server.stop()  # Kafka would tidy up hundreds of topics
        shutil.rmtree(Path(server.directory) / "data", ignore_errors=True)  # the log stays, for whoever asks why


def _execute(url: str, statement: str) -> None:
    """Run one statement."""

    async def execute() -> None:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    _run(execute())


def _run(work: Coroutine[Any, Any, object]) -> None:
    """Run something asynchronous. In a thread: this one's event loop is pytest-asyncio's."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except (OSError, asyncpg.PostgresError) as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
