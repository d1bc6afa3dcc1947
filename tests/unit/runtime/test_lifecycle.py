"""A service begins with right settings or not at all, waits for its parts, and ends once, cleanly."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError

from services.runtime import back_off, lifecycle
from services.runtime.settings import SettingsError

SERVICE = textwrap.dedent("""
    import asyncio, sys
    from services.runtime import lifecycle
    from services.tools.settings import ToolsSettings
    from services.runtime.settings import SettingsError

    async def main(settings):
        stop = lifecycle.stop_signal()
        print("up", flush=True)
        await stop.wait()
        print("draining", flush=True)
        if settings.batch_size == 1:
            await asyncio.sleep(60)
        if settings.batch_size == 2:
            raise SettingsError("FLOWS_X='y': no")
        print("down", flush=True)

    settings = lifecycle.begin("tools", "A service of the tests.", ToolsSettings)
    lifecycle.run(main(settings))
""")


def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    """A service in its own process, with nothing of ours in its environment but what is given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLOWS_")}
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE, *arguments],
        env={**clean, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def service() -> Iterator[subprocess.Popen[str]]:
    """A service that is up."""
    process = start()
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    yield process
    process.kill()
    process.communicate()


def test_help_teaches_the_settings() -> None:
    """--help exits 0 and names every setting of the service with its default."""
    out, err = (process := start("--help")).communicate(timeout=20)
    assert process.returncode == 0, err
    assert "A service of the tests." in out
    assert "FLOWS_BATCH_SIZE (default: 500)" in out
    assert "FLOWS_INGEST_PORT" not in out


def test_a_wrong_setting_stops_the_start_with_name_fault_and_remedy() -> None:
    """Exit 2, no stack trace, no secret."""
    process = start(FLOWS_BATCH_SIZ="3", DATABASE_URL="mysql://a:hunter2@b/c")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert out == ""
    assert "FLOWS_BATCH_SIZ: no such setting; did you mean FLOWS_BATCH_SIZE?" in err
    assert "DATABASE_URL=[hidden]: must begin with postgresql://" in err
    assert "Traceback" not in err
    assert "hunter2" not in err


def test_a_setting_that_turns_out_wrong_later_ends_the_same_way() -> None:
    """A SettingsError from main exits 2 without a stack trace."""
    process = start(FLOWS_BATCH_SIZE="2")
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "FLOWS_X='y': no" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_ends_it_cleanly(service: subprocess.Popen[str], number: signal.Signals) -> None:
    """Exit 0 after the drain."""
    service.send_signal(number)
    out, err = service.communicate(timeout=20)
    assert (service.returncode, out) == (0, "draining\ndown\n"), err


def draining() -> subprocess.Popen[str]:
    """A service that got a SIGINT and takes long to drain."""
    process = start(FLOWS_BATCH_SIZE="1")
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "draining\n"
    return process


def test_a_second_interrupt_ends_it_at_once() -> None:
    """Whoever presses Ctrl-C twice does not want to wait."""
    process = draining()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130


def test_a_terminate_after_an_interrupt_lets_it_drain() -> None:
    """One Ctrl-C reaches a child as SIGINT from the terminal and SIGTERM from its parent: that is one request."""
    process = draining()
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.kill()
    process.communicate()


def test_it_ends_with_its_parent() -> None:
    """When standard input closes, as it does when the parent is killed, it ends as on SIGTERM, quietly."""
    process = start("--end-with-parent")
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "up\n"
    process.stdin.close()
    assert process.wait(20) == 0
    assert process.stdout.read() == "draining\ndown\n"
    assert process.stderr is not None
    assert process.stderr.read() == ""


async def sleep_for_ever() -> None:
    """Work without an end."""
    await asyncio.Event().wait()


async def test_until_raises_the_first_failure_and_cancels_the_rest() -> None:
    """A part that fails ends the service; nothing is left running."""
    cancelled = asyncio.Event()

    async def watcher() -> None:
        try:
            await sleep_for_ever()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await lifecycle.until(asyncio.Event(), watcher(), failing())
    assert cancelled.is_set()


async def test_until_ends_when_told_to_stop() -> None:
    """Stopping is no failure."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_soon(stop.set)
    await asyncio.wait_for(lifecycle.until(stop, sleep_for_ever()), 5)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second between two tries."""
    monkeypatch.setattr(back_off, "LONGEST_SECONDS", 0.0)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("refused"),
        TimeoutError(),
        KafkaConnectionError("no broker"),
        asyncpg.CannotConnectNowError("the database system is starting up"),
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.TooManyConnectionsError("sorry, too many clients already"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InvalidCatalogNameError('database "flows" does not exist'),
        asyncpg.UndefinedTableError('relation "claims" does not exist'),
    ],
)
async def test_what_is_not_there_yet_is_waited_for(error: Exception) -> None:
    """Kafka and PostgreSQL may start after the services, and be set up after them."""
    tries = 0

    async def make() -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error
        return "there"

    assert await lifecycle.patiently("PostgreSQL", make, asyncio.Event()) == "there"
    assert tries == 3


async def test_a_refused_password_is_a_wrong_setting() -> None:
    """Waiting would not make it right."""

    async def make() -> None:
        raise asyncpg.InvalidPasswordError('password authentication failed for user "flows"')

    with pytest.raises(SettingsError, match="DATABASE_URL: password authentication failed"):
        await lifecycle.patiently("PostgreSQL", make, asyncio.Event())


async def test_a_bug_is_raised_at_once() -> None:
    """What no waiting can repair is seen."""

    async def make() -> None:
        raise KeyError("typo")

    with pytest.raises(KeyError):
        await lifecycle.patiently("Kafka", make, asyncio.Event())


async def test_waiting_ends_when_told_to_stop() -> None:
    """SIGTERM while Kafka is away is a clean end."""
    stop = asyncio.Event()

    async def make() -> None:
        stop.set()
        raise OSError("away")

    with pytest.raises(SystemExit) as end:
        await lifecycle.patiently("Kafka", make, stop)
    assert end.value.code == 0
