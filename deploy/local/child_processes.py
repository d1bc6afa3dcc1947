"""Child processes that end with us, and the end of those that a killed run left behind.

A child is started through `orphan_guard.py`, which holds its life to ours. One directory belongs to one child: in it,
`state.json` names the processes, and `start.lock` lets one process at a time start something there.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from deploy.local import orphan_guard
from deploy.local.errors import PartError

_LOCK_SECONDS = 120.0
_KILL_SECONDS = 1.0
_BIG_LOG_BYTES = 20_000_000
_QUOTED_LINES = 12
_QUOTED_WIDTH = 300


@dataclass(frozen=True)
class SystemAccount:
    """The system user that a child runs as. `reach`: it may open what is closed to it, as root could."""

    uid: int | None = None
    gid: int | None = None
    reach: bool = False


@dataclass(frozen=True)
class ChildSpec:
    """How to start one child. `directory` is in its command line somewhere: that is how it is recognised later."""

    name: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    stop_signal: signal.Signals
    stop_seconds: float
    environ: Mapping[str, str]
    account: SystemAccount = SystemAccount()


class ChildProcess:
    """One running child."""

    def __init__(self, spec: ChildSpec, process: subprocess.Popen[bytes], pid: int) -> None:
        self.spec = spec
        self.pid = pid
        self._guard = process

    def running(self) -> bool:
        """Whether the child still runs."""
        return self._guard.poll() is None

    def wait(self, seconds: float) -> int:
        """Its exit status once it has ended; not 0 for a signal, too.

        Raises:
            TimeoutError: It still runs after `seconds`.
        """
        try:
            return self._guard.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError from error

    def stop(self) -> None:
        """Ask it to end, force it after its deadline, return when it is gone. The second time does nothing."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        try:
            self._guard.wait(self.spec.stop_seconds + 5)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL it and what it started, as a crash of the machine would; return when all of it is gone."""
        family: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            child = psutil.Process(self.pid)
            if self.running():
                family = [child, *child.children(recursive=True)]
        _kill(family)
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        try:
            self._guard.wait(5)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()


def _kill(family: list[psutil.Process]) -> None:
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    for process in family:
        _wait(process, 10)


def _wait(process: psutil.Process, seconds: float) -> None:
    """Return when it is gone, or after `seconds`."""
    deadline = time.monotonic() + seconds
    while _lives(process) and time.monotonic() < deadline:
        pause()


def _lives(process: psutil.Process) -> bool:
    """Whether it still does something. A zombie does not; a container's first process may never take it away."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def starting(directory: Path, name: str) -> Iterator[None]:
    """Make `directory` and hold it for a start: ends what a killed run left there.

    Raises:
        PartError: A living process other than this one uses the directory, or another start does not end.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / "start.lock")
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout as error:
        raise PartError(f"another process has been starting {name} in {directory} for two minutes: end it") from error
    except OSError as error:
        raise PartError(f"cannot use {directory} for {name}: {error.strerror}. Is it yours to write to?") from error
    try:
        _reclaim(directory, name)
        yield
    finally:
        lock.release()


def _reclaim(directory: Path, name: str) -> None:
    file = directory / "state.json"
    try:
        state = json.loads(file.read_text())
        guarding = _alive(state["guard"], state["written_at"], directory)
        child = _alive(state["child"], state["written_at"], directory)
        owner = _owner(state["owner"])
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PartError(f"{file} cannot be read ({error}): end the {name} that runs there, then remove it") from error
    if guarding and owner and owner.pid != os.getpid():
        _wait(owner, _KILL_SECONDS)  # one that was just killed is there for a moment
    if guarding and owner and _lives(owner):
        who = "this process" if owner.pid == os.getpid() else f"process {owner.pid}"
        raise PartError(f"{name} is already running in {directory}, started by {who}: stop that first")
    if guarding:  # it is ending the child already, because its owner is gone
        _wait(guarding, state["stop_seconds"] + 5)
    if child and _lives(child):
        family = [child]
        with contextlib.suppress(psutil.Error):
            family += child.children(recursive=True)
            child.send_signal(state["stop_signal"])
            _wait(child, state["stop_seconds"])
        _kill(family)
    file.unlink(missing_ok=True)


def _alive(pid: int, written_at: float, directory: Path) -> psutil.Process | None:
    """The process `pid`, unless its number is another's by now: ours is older than the file and names the directory."""
    try:
        process = psutil.Process(pid)
        if not _lives(process) or process.create_time() > written_at + 1:
            return None
        return process if any(str(directory) in argument for argument in process.cmdline()) else None
    except psutil.Error:
        return None


def _owner(owner: dict[str, Any]) -> psutil.Process | None:
    try:
        process = psutil.Process(owner["pid"])
        same = abs(process.create_time() - owner["created_at"]) < 1
        return process if same and _lives(process) else None
    except psutil.Error:
        return None


def start(spec: ChildSpec) -> ChildProcess:
    """Start a child, inside `starting(spec.directory, …)`.

    Raises:
        PartError: The system does not let it start.
    """
    _make_log(spec.log)
    me = psutil.Process()
    description = {
        "command": list(spec.command),
        "directory": str(spec.directory),
        "log": str(spec.log),
        "state": str(spec.directory / "state.json"),
        "owner": {"pid": me.pid, "created_at": me.create_time()},
        "stop_signal": int(spec.stop_signal),
        "stop_seconds": spec.stop_seconds,
        "account": asdict(spec.account),
    }
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(orphan_guard.__file__)), json.dumps(description)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(spec.environ),
        start_new_session=True,  # Ctrl-C in the terminal is ours to handle, in our order
    )
    report = _first_line(process)
    if "pid" not in report:
        process.kill()
        process.wait()
        raise PartError(f"{spec.name} cannot be started: {report.get('error', 'its guard process ended at once')}")
    return ChildProcess(spec, process, int(report["pid"]))


def _first_line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    if process.stdout is None:
        return {}
    with process.stdout as output:
        line = output.readline()
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def _make_log(log: Path) -> None:
    """Make the log's folder, and put a big log of earlier runs aside."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _BIG_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
    except OSError as error:
        raise PartError(f"cannot write the log {log}: {error.strerror}") from error


def run(spec: ChildSpec, seconds: float) -> None:
    """Start a child that does one thing, inside `starting(spec.directory, …)`, and wait until it has done it.

    Raises:
        PartError: It does not start, fails or takes longer than `seconds`.
    """
    offset = size(spec.log)
    child = start(spec)
    try:
        status = child.wait(seconds)
    except TimeoutError:
        raise PartError(f"{spec.name} takes more than {seconds:.0f} s. {last_lines(spec.log, offset)}") from None
    finally:
        child.kill()
    if status:
        raise PartError(f"{spec.name} fails. {last_lines(spec.log, offset)}")


def last_lines(log: Path, offset: int) -> str:
    """What `log` says at its end, for an error's text; nothing from before `offset`."""
    lines = since(log, offset).splitlines()[-_QUOTED_LINES:]
    if not lines:
        return f"Its log {log} says nothing"
    return "\n  ".join([f"Its log {log} ends with:", *(line[:_QUOTED_WIDTH] for line in lines)])


def since(log: Path, offset: int) -> str:
    """What was written to `log` from `offset` on."""
    try:
        with log.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def size(log: Path) -> int:
    """The offset at which the next line of `log` will be."""
    return log.stat().st_size if log.exists() and log.stat().st_size <= _BIG_LOG_BYTES else 0


def pause() -> None:
    """Wait a little between two looks at a child that is starting."""
    time.sleep(0.03)
