"""`flows` as a process: what only a process shows, and that our tests, which run it inside their own, see the same."""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog

from services.cli import installation
from tests.support.flows_command import environ, flows, spawned

FLOWS = Path(sys.executable).with_name("flows")
BAD = "flow: bad\non: closum.lead.created\nsteps:\n  - tool: phone.fromat\n"
AWAY = {"KAFKA_BOOTSTRAP": "127.0.0.1:1", "DATABASE_URL": "postgresql://flows@127.0.0.1:1/flows"}
HEAVY = ("aiokafka", "aiohttp", "asyncpg", "httpx", "faust", "granian", "pydantic", "ruamel", "services.flows")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("check", "."), ""),
        (("runz",), ""),
        (("send", "closum.lead.created", "--data", "-"), "{"),
        (("topics", "apply"), ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_both_ways_to_run_it_say_the_same(words: tuple[str, ...], text: str, tmp_path: Path) -> None:
    """Output, error output and exit code; also the libraries' own warnings, which nobody has set up logs for."""
    (tmp_path / "bad.yaml").write_text(BAD)
    here, there = (run(*words, cwd=tmp_path, env=AWAY, text=text) for run in (flows, spawned))
    assert here.returncode != 0
    assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, there.stderr)


def test_the_entry_point_is_installed(tmp_path: Path) -> None:
    """`flows` itself, as `pip install` makes it."""
    done = subprocess.run([FLOWS, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, flows("--version", cwd=tmp_path).stdout, "")


def test_it_is_there_at_once() -> None:
    """What a command needs is imported when it is used: `flows --help` and Tab wait for no Kafka library."""
    loaded = "import sys, services.cli.__main__; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in HEAVY if name in names] == []


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`flows catalog | head -1`: no stack trace, exit 0."""
    words = [sys.executable, "-m", "services.cli", "catalog", "--json"]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert (process.stderr.read(), process.wait(30)) == ("", 0)


def test_an_interrupt_ends_it(tmp_path: Path) -> None:
    """Ctrl-C while it waits for its input: 130, as a shell expects, and no stack trace."""
    # A shell's background ignores SIGINT, and its children would.
    as_in_a_terminal = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"{as_in_a_terminal}; from services.cli.__main__ import main; main()"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-c", program, "send", "closum.lead.created", "--data", "pipe"],
        cwd=tmp_path,
        env=environ({"FLOWS_EVENTS_TOKEN": "t" * 16}),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        with pipe.open("w"):  # as soon as it reads
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        assert process.stderr
        assert process.stderr.read() == ""


def test_nothing_of_a_run_inside_ours_stays(tmp_path: Path) -> None:
    """Whatever it ends with: folder, environment, streams, handlers of signals and logs, levels."""
    before, frozen = state(), gc.get_freeze_count()
    for words in (("runs",), ("dead", "list"), ("topics", "apply"), ("check", "."), ("--help",), ("runz",)):
        flows(*words, cwd=tmp_path, env=AWAY)
    after = state()
    assert gc.get_freeze_count() <= frozen  # those that end are fewer
    assert {name: (before[name], value) for name, value in after.items() if value != before[name]} == {}


def state() -> dict[str, Any]:
    """What of this process a command could change, beside modules and counters."""
    loggers = logging.getLogger().manager.loggerDict
    return {
        "environ": dict(os.environ),
        "folder": Path.cwd(),
        "streams": (sys.stdin, sys.stdout, sys.stderr, sys.argv),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "handlers": list(logging.getLogger().handlers),
        "aiokafka": logging.getLogger("aiokafka").level,
        "levels": {name: one.level for name, one in loggers.items() if isinstance(one, logging.Logger) and one.level},
        "structlog": structlog.get_config(),
        "faulthandler": faulthandler.is_enabled(),
        "gc": (gc.get_threshold(), gc.isenabled()),
        "threads": threading.active_count(),
    }


def test_who_prints_beside_a_run_inside_ours_keeps_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And an exception that nobody foresaw looks as in a process."""

    def fail(*_: object) -> None:
        sys.stdout.write("of the command\n")
        beside = threading.Thread(target=lambda: sys.stdout.write("beside\n"))
        beside.start()
        beside.join()
        raise ZeroDivisionError

    monkeypatch.setattr(installation, "settings", fail)
    done = flows("runs", cwd=tmp_path)
    assert (done.returncode, done.stdout, capsys.readouterr().out) == (1, "of the command\n", "beside\n")
    assert done.stderr.startswith("Traceback ")
    assert done.stderr.endswith("ZeroDivisionError\n")
