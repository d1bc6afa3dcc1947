"""A service as a child: its lines, its death, its end; and what a killed stack leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from services.cli.stack import leftovers, ready
from services.cli.stack.process import Service
from services.cli.terminal import CommandError


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder), "STACK_FOLDER": str(folder), **more}


def module(folder: Path, text: str) -> str:
    (folder / "child_of_test.py").write_text(text)
    return "child_of_test"


def test_a_service_that_dies_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    heard: list[tuple[str, str]] = []
    service = Service("tools", module(tmp_path, "print('a wrong setting'); raise SystemExit(2)"))
    service.start(environment(tmp_path), tmp_path / "logs", lambda name, line: heard.append((name, line)))
    with pytest.raises(CommandError, match=r"tools ended with exit code 2(.|\n)*a wrong setting"):
        ready.wait({"tools": service}, {"tools": "http://127.0.0.1:1/readyz"}, heard.append)  # type: ignore[arg-type]
    assert heard == [("tools", "a wrong setting")]
    assert (tmp_path / "logs" / "tools.log").read_text() == "a wrong setting\n"
    service.ask_to_end()
    service.wait_end(1)


def test_a_service_that_does_not_end_is_forced(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    )
    service = Service("tools", module(tmp_path, stubborn))
    lines: list[str] = []
    service.start(environment(tmp_path), tmp_path, lambda _name, line: lines.append(line))
    while not lines:
        time.sleep(0.01)
    service.ask_to_end()
    service.ask_to_end()
    service.wait_end(0.2)
    assert service.exit_code() == -signal.SIGKILL


def test_a_child_sees_its_parent_die(tmp_path: Path) -> None:
    (tmp_path / "child_of_test.py").write_text("import sys; print('up', flush=True); sys.stdin.read(); print('end')")
    parent = (
        "import os, sys, time; from pathlib import Path; from services.cli.stack.process import Service\n"
        "s = Service('x', 'child_of_test'); s.start(dict(os.environ), Path(sys.argv[1]), lambda *_: None)\n"
        "print(s.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", parent, str(tmp_path)]
    environ = environment(tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), str(Path.cwd())]))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_leftovers_of_a_killed_stack_are_ended_and_others_are_not(tmp_path: Path) -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)", leftovers.OURS]
    with (
        subprocess.Popen(sleeping, env=environment(tmp_path)) as ours,
        subprocess.Popen(sleeping, env=environment(tmp_path, STACK_FOLDER="/another")) as others,
    ):
        leftovers.note(tmp_path, {"tools": ours.pid, "actions": others.pid, "ingest": 2**22 + 1})
        leftovers.end(tmp_path)
        ended, left = ours.poll() is not None, others.poll() is None
        ours.kill()
        others.kill()
    assert ended
    assert left
    leftovers.end(tmp_path)
