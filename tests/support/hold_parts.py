"""Run as a process of its own: start a part in a folder, tell who runs, hold it until somebody ends us.

    python -m tests.support.hold_parts postgres|both FOLDER

One JSON line on stdout when all is ready: the ports, and the processes of the parts.
"""

import json
import signal
import sys
from pathlib import Path

import psutil

from deploy.local import embedded_postgres, parts


def _tell(ports: dict[str, int]) -> None:
    running = [process.pid for process in psutil.Process().children(recursive=True)]
    sys.stdout.write(json.dumps({"ports": ports, "running": running}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


def main() -> None:
    """See above."""
    # Ctrl-C ends it also where it is started from a shell's background, which ignores SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    what, folder = sys.argv[1], Path(sys.argv[2])
    if what == "postgres":
        with embedded_postgres(folder) as server:
            _tell({"postgres": server.port})
        return
    with parts(folder, environ={}) as both:
        assert both.kafka is not None
        assert both.postgres is not None
        _tell({"kafka": both.kafka.port, "postgres": both.postgres.port})


if __name__ == "__main__":
    main()
