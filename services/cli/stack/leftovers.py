"""Services that a killed stack left in the middle of their own end: ended at once, for they still hold its ports."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import psutil

FILE = "services.json"
OURS = "--end-with-parent"


def note(folder: Path, pids: dict[str, int]) -> None:
    """Say which services run, for a start after a kill -9."""
    (folder / FILE).write_text(json.dumps(pids))


def end(folder: Path) -> None:
    """End the services of an earlier stack of this folder, if any still run. The folder must be ours."""
    try:
        pids = json.loads((folder / FILE).read_text())
    except (OSError, ValueError):
        return
    found = []
    for pid in pids.values() if isinstance(pids, dict) else ():
        with contextlib.suppress(psutil.Error, TypeError, ValueError):
            process = psutil.Process(pid)
            # The number may belong to another process by now: ours say so themselves, and whose child they are no more.
            if OURS in process.cmdline() and process.environ().get("STACK_FOLDER") == str(folder):
                process.kill()
                found.append(process)
    psutil.wait_procs(found, timeout=5)
    (folder / FILE).unlink(missing_ok=True)
