"""The process between us and a part: it ends the part when we are gone, even after kill -9.

Run by path with the standard library only, so that it starts in milliseconds. Its standard input is a pipe that only
our process holds open: end of file means that we stopped, died or were killed, and all three mean the same: end the
part cleanly, and by force after a deadline. `deploy.local.child_processes` is the other end.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT = 1, 28, 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 4
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1


def _becoming(account: dict[str, Any], stop_signal: int) -> Callable[[], None]:
    """What the part does before it becomes itself: be `account`, and ask for `stop_signal` should we be killed."""
    guard = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None

    def become() -> None:
        if account["uid"] is not None:
            if libc and account["reach"]:
                # Capabilities stay with the next user, and access(2), which PostgreSQL asks, counts them.
                libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
            os.setgroups([])
            os.setgid(account["gid"])
            os.setuid(account["uid"])
            if libc and account["reach"]:
                _keep_reach(libc)
        if libc:  # last, because a change of user forgets it
            libc.prctl(_PR_SET_PDEATHSIG, stop_signal)
            if os.getppid() != guard:
                os._exit(1)

    return become


def _keep_reach(libc: ctypes.CDLL) -> None:
    """Let the account pass through folders that are closed to it, as root could (capabilities(7)).

    Where a container forbids that, nothing changes, and the part's own log says what it cannot open.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    bit = 1 << _CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)  # effective, permitted, inheritable; then the upper halves
    libc.capset(header, sets)
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _start(spec: dict[str, Any]) -> subprocess.Popen[bytes]:
    with Path(spec["log"]).open("ab") as log:
        return subprocess.Popen(
            spec["command"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=spec["directory"],
            start_new_session=True,
            preexec_fn=_becoming(spec["account"], spec["stop_signal"]),  # noqa: PLW1509  (this process has one thread)
        )


def _write_state(spec: dict[str, Any], pid: int) -> None:
    """Say who runs, for a later start that finds us gone. Replaced as a whole: a reader never sees half of it."""
    state = {
        "owner": spec["owner"],
        "guard": os.getpid(),
        "child": pid,
        "written_at": time.time(),
        "stop_signal": spec["stop_signal"],
        "stop_seconds": spec["stop_seconds"],
    }
    file = Path(spec["state"])
    new = file.with_suffix(".new")
    new.write_text(json.dumps(state))
    new.replace(file)


def _wait(child: subprocess.Popen[bytes], wake: int) -> None:
    """Return when the part has ended, or when our parent is gone or lets go of the pipe, or at a SIGTERM."""
    parent = os.getppid()
    while child.poll() is None:
        readable, _, _ = select.select([sys.stdin, wake], [], [], 1.0)
        # A process that our parent forked may hold the pipe open after it: then only a changed parent tells.
        if sys.stdin in readable or os.getppid() != parent:
            return
        if wake in readable and signal.SIGTERM in os.read(wake, 64):
            return


def _end(child: subprocess.Popen[bytes], spec: dict[str, Any]) -> None:
    if child.poll() is None:
        child.send_signal(spec["stop_signal"])
    try:
        child.wait(spec["stop_seconds"])
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def main() -> int:
    """Start the part that the first argument describes, report its pid on stdout, and end as it ends."""
    spec = json.loads(sys.argv[1])
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    for noticed in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(noticed, lambda *_: None)
    try:
        child = _start(spec)
    except (OSError, subprocess.SubprocessError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    try:
        _write_state(spec, child.pid)
        print(json.dumps({"pid": child.pid}), flush=True)
        _wait(child, wake)
    finally:
        _end(child, spec)
        with contextlib.suppress(OSError):
            Path(spec["state"]).unlink(missing_ok=True)
    return child.returncode & 0xFF


if __name__ == "__main__":
    sys.exit(main())
