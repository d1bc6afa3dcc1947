"""`python -m deploy.local.closum`: the stand-in as a process of its own. SIGTERM and Ctrl-C end it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading

import uvloop

from deploy.local.closum.server import serving

STDIN = 0
ABOUT = "A stand-in Closum with a small CRM, for development, demonstrations and tests. See /_state for what it holds."


async def serve(host: str, port: int, *, end_with_parent: bool) -> int:
    """Serve until a signal comes, or standard input closes when told so. 1 when the port is taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if end_with_parent:

        def watch() -> None:
            while os.read(STDIN, 4096):  # not sys.stdin: its lock, held here, would abort the interpreter at its end
                pass
            signal.raise_signal(signal.SIGTERM)

        threading.Thread(target=watch, daemon=True).start()
    try:
        async with serving(host, port) as real:
            started = {"service": "closum", "level": "info", "event": "service.started", "address": f"{host}:{real}"}
            print(json.dumps(started), file=sys.stderr, flush=True)
            await stop.wait()
    except OSError as error:
        print(f"The stand-in Closum did not start on {host}:{port}: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.closum", description=ABOUT)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8090, help="its port (default 8090); 0 takes a free one")
    parser.add_argument("--end-with-parent", action="store_true", help="end when standard input closes")
    arguments = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(arguments.host, arguments.port, end_with_parent=arguments.end_with_parent))


if __name__ == "__main__":
    sys.exit(main())
