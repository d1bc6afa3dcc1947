"""Embedded Kafka and PostgreSQL: nothing outlives its owner, and the next start does not trip over what a kill left."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.local import PartError, PostgresServer, embedded_postgres, parts

_ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def _owner(what: str, folder: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Another process that holds parts in `folder`, and what it told when they were ready."""
    command = [sys.executable, "-m", "tests.support.hold_parts", what, str(folder)]
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def _living(pids: list[int]) -> list[int]:
    living = []
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                living.append(pid)
    return living


def _until_gone(pids: list[int], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while left := _living(pids):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)


def test_kill_9_of_the_owner_ends_all_and_the_next_start_goes_on(tmp_path: Path) -> None:
    """After SIGKILL nothing is left running; the next start has the same ports."""
    with _owner("both", tmp_path) as (owner, told):
        assert len(_living(told["running"])) >= 4, "two guards, a broker and a database at least"
        owner.kill()
        owner.wait()
        _until_gone(told["running"])
    with parts(tmp_path, environ={}) as both:
        assert both.kafka is not None
        assert both.postgres is not None
        assert {"kafka": both.kafka.port, "postgres": both.postgres.port} == told["ports"]


def test_a_start_while_the_killed_ones_parts_still_run_ends_them_first(tmp_path: Path) -> None:
    """SIGKILL of the owner and of its guards at once, then a start in the same moment: it works, on the same port."""
    with _owner("postgres", tmp_path) as (owner, told):
        guards = psutil.Process(owner.pid).children()
        owner.kill()
        for guard in guards:
            guard.kill()
        with embedded_postgres(tmp_path) as server:
            assert server.port == told["ports"]["postgres"]
            _until_gone(told["running"], seconds=1)


def test_a_folder_in_use_is_refused_with_the_name_of_who_uses_it(tmp_path: Path) -> None:
    """A living process keeps its part; the other one is told its number. Afterwards the folder is free."""
    with _owner("postgres", tmp_path) as (owner, told):
        with pytest.raises(PartError, match=rf"already running in .* process {owner.pid}:"):
            PostgresServer(tmp_path).start()
        assert _living(told["running"])
        owner.communicate()
        assert owner.returncode == 0
        _until_gone(told["running"], seconds=1)
    with embedded_postgres(tmp_path) as server, pytest.raises(PartError, match="started by this process"):
        PostgresServer(server.directory).start()


def test_sigterm_of_the_owner_leaves_nothing_running(tmp_path: Path) -> None:
    """A process that ends without cleaning up does not leave its parts behind."""
    with _owner("postgres", tmp_path) as (owner, told):
        owner.send_signal(signal.SIGTERM)
        owner.wait()
        _until_gone(told["running"])


def test_ctrl_c_during_the_start_leaves_nothing_running(tmp_path: Path) -> None:
    """Both parts are being started: the start is abandoned within seconds."""
    command = [sys.executable, "-m", "tests.support.hold_parts", "both", str(tmp_path)]
    owner = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (tmp_path / "kafka" / "state.json").exists():
        assert owner.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    running = [process.pid for process in psutil.Process(owner.pid).children(recursive=True)]
    owner.send_signal(signal.SIGINT)
    output, errors = owner.communicate(timeout=30)
    assert output == b"", "it never became ready"
    assert b"KeyboardInterrupt" in errors
    _until_gone(running, seconds=1)
    assert not (tmp_path / "kafka" / "state.json").exists()


def test_the_lock_of_a_killed_postgres_does_not_stop_the_next_one(tmp_path: Path) -> None:
    """postmaster.pid that names a living process of somebody else, as after a reboot, is not believed."""
    with embedded_postgres(tmp_path) as server:
        lock = (tmp_path / "data" / "postmaster.pid").read_text().splitlines()
        server.kill()
    # Of the same user as PostgreSQL, else PostgreSQL itself sees that it is somebody else.
    bystander = subprocess.Popen(["cat"], stdin=subprocess.PIPE, user=(tmp_path / "data").stat().st_uid)
    (tmp_path / "data" / "postmaster.pid").write_text("\n".join([str(bystander.pid), *lock[1:]]) + "\n")
    try:
        with embedded_postgres(tmp_path) as server:
            assert server.running()
        assert bystander.poll() is None
    finally:
        bystander.communicate()


def test_stopping_ends_the_process_and_twice_is_once(tmp_path: Path) -> None:
    """After `stop` the port is free and nothing runs; stop and kill of a stopped one do nothing; start starts again."""
    server = PostgresServer(tmp_path)
    server.start()
    # Not those below them: PostgreSQL's own workers come and go.
    running = psutil.Process().children()
    server.start()
    assert psutil.Process().children() == running
    port = server.port
    server.stop()
    server.stop()
    server.kill()
    assert not server.running()
    assert not (tmp_path / "state.json").exists()
    with server:
        assert server.port == port
