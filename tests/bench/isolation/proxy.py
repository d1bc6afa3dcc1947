"""A TCP proxy whose network can be cut, held up half-open, or made slow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

READ_BYTES = 65_536


class Proxy:
    """Lives on a loop of its own thread. Its methods may be called from any other."""

    def __init__(self, target: Callable[[], int]) -> None:
        self.port = 0
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._passes = asyncio.Event()
        self._refuses = False
        self._delay = 0.0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Every connection ends, and new ones end at once."""
        self._refuses = True
        self._loop.call_soon_threadsafe(self._abort)

    def hold_up(self) -> None:
        """Nothing passes; connections stay open, and new ones are taken and never answered."""
        self._loop.call_soon_threadsafe(self._passes.clear)

    def delay(self, seconds: float) -> None:
        """What passes, passes so much later."""
        self._delay = seconds

    def heal(self) -> None:
        """As a network that was away comes back: what was held up is lost with its connections."""
        self._delay = 0.0
        self._refuses = False
        if not self._passes.is_set():
            self._loop.call_soon_threadsafe(self._abort)
        self._loop.call_soon_threadsafe(self._passes.set)

    def _abort(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        if self._refuses:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target())
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(back)
        for source, sink in ((reader, back), (there, writer)):
            task = self._loop.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(READ_BYTES):
                await self._passes.wait()
                if self._delay:
                    await asyncio.sleep(self._delay)
                sink.write(data)
                await sink.drain()
        sink.close()
        self._writers.discard(sink)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._passes.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._take, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()


@contextmanager
def proxy(target: Callable[[], int]) -> Iterator[Proxy]:
    """One, to a port of this machine that is asked for at each connection."""
    made, ready = Proxy(target), threading.Event()
    thread = threading.Thread(target=made._run, args=(ready,), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield made
    finally:
        made._loop.call_soon_threadsafe(made._loop.stop)
        thread.join(5)
