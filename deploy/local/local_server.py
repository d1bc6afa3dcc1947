"""The life of one part: started, waited for, stopped or killed, and started again on the same ports and data."""

import abc
import contextlib
import time
from pathlib import Path
from typing import ClassVar, Self

from deploy.local import child_processes, ports
from deploy.local.child_processes import ChildProcess, ChildSpec
from deploy.local.errors import PartError
from deploy.local.progress import Progress, silent

_READY_SECONDS = 120.0
_PORT_SECONDS = 10.0
_ATTEMPTS = 3


class LocalServer(abc.ABC):
    """One part in one directory. `start` and `stop` may be called again and again, `kill` in between.

    Not for two threads at once. Ends with this process, however this process ends.
    """

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]
    """What the part listens on; the first is the one that clients use."""

    def __init__(self, directory: Path, *, port: int | None = None, progress: Progress = silent) -> None:
        self.directory = directory.resolve()
        self._wanted = port
        self._progress = progress
        self._ports: dict[str, int] = {}
        self._child: ChildProcess | None = None

    @property
    def log(self) -> Path:
        """What the part says, of this start and of earlier ones."""
        return self.directory / "server.log"

    @property
    def port(self) -> int:
        """The port on 127.0.0.1, the same from the first start on."""
        return self._ports[self.port_names[0]]

    def running(self) -> bool:
        """Whether the part's process is there."""
        return self._child is not None and self._child.running()

    def start(self) -> None:
        """Start the part and return when it answers. A running one stays as it is.

        Raises:
            PartError: It cannot be fetched or started, the port is taken, or it does not answer within two minutes.
        """
        if self.running():
            return
        self._fetch()
        with child_processes.starting(self.directory, self.name):
            self._progress(self.name, "starting")
            self._lay()
            for attempt in range(1, _ATTEMPTS + 1):
                self._ports = self._choose_ports()
                if self._start_on(self._ports, last=attempt == _ATTEMPTS):
                    break
            ports.remember(self.directory / "ports.json", self._ports)
            self._wanted = self.port
        self._progress(self.name, f"ready on {ports.LOOPBACK}:{self.port}")

    def stop(self) -> None:
        """End the part cleanly, by force after a deadline. Twice is once."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """SIGKILL the part, as a crash of its machine would. Twice is once."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abc.abstractmethod
    def _fetch(self) -> None:
        """Get the program, before the directory is ours: it may take minutes."""

    @abc.abstractmethod
    def _lay(self) -> None:
        """Make the data of a first start. Half-made data of a killed start is made anew."""

    @abc.abstractmethod
    def _spec(self, chosen: dict[str, int]) -> ChildSpec:
        """How to start it on these ports; writes its configuration."""

    @abc.abstractmethod
    def _answers(self, port: int) -> bool:
        """Whether it does its work now."""

    def _choose_ports(self) -> dict[str, int]:
        chosen = ports.remembered(self.directory / "ports.json", self.port_names)
        if self._wanted is None:
            return chosen
        deadline = time.monotonic() + (_PORT_SECONDS if self._ports else 0)
        while not ports.is_free(self._wanted):
            if time.monotonic() >= deadline:
                raise PartError(
                    f"port {self._wanted} is taken, so {self.name} cannot listen there: end what uses it, "
                    "or choose another port"
                )
            child_processes.pause()
        others = {name: port for name, port in chosen.items() if name != self.port_names[0]}
        for name, port in others.items():
            if port == self._wanted:
                others[name] = ports.free_port(besides=frozenset({self._wanted, *others.values()}))
        return {self.port_names[0]: self._wanted, **others}

    def _start_on(self, chosen: dict[str, int], *, last: bool) -> bool:
        """Start and wait; false when it is worth another attempt and this is not the `last`.

        It is when something is in use: a port that somebody took in between, memory of a killed one that is ending.
        """
        offset = child_processes.size(self.log)
        child = child_processes.start(self._spec(chosen))
        try:
            self._wait(child, chosen[self.port_names[0]], offset)
        except BaseException as error:
            with contextlib.suppress(PartError):
                child.kill()
            if isinstance(error, PartError) and "in use" in child_processes.since(self.log, offset) and not last:
                return False
            raise
        self._child = child
        return True

    def _wait(self, child: ChildProcess, port: int, offset: int) -> None:
        begun = time.monotonic()
        while not self._answers(port):
            waited = time.monotonic() - begun
            if not child.running():
                raise PartError(
                    f"{self.name} ended while it was starting. {child_processes.last_lines(self.log, offset)}"
                )
            if waited > _READY_SECONDS:
                raise PartError(
                    f"{self.name} does not answer after {waited:.0f} s. {child_processes.last_lines(self.log, offset)}"
                )
            self._progress(self.name, f"starting, {waited:.0f} s")
            child_processes.pause()
