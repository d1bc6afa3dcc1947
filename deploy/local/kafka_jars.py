"""Kafka's own jars, fetched once from Maven Central into the user's cache and checked against `jars.sha256`."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from deploy.local.errors import PartError
from deploy.local.progress import Progress

VERSION = "4.3.1"
# kafka_2.13 brings slf4j's interface but nothing behind it; without the second coordinate the broker logs nothing.
# The `!` keeps log4j's own list of versions out: jgo would apply it to Kafka too and put kafka-clients 3.9.1 under it.
_COORDINATES = f"org.apache.kafka:kafka_2.13:{VERSION}+org.apache.logging.log4j:log4j-slf4j-impl:2.25.4!"
_LIST = Path(__file__).with_name("jars.sha256")
_ATTEMPTS = 3
_HELP = (
    "Maven Central (https://repo1.maven.org) must be reachable once. Behind a proxy, set HTTPS_PROXY; "
    "or set KAFKA_BOOTSTRAP to a Kafka that you have"
)


@dataclass(frozen=True)
class Jar:
    """One jar as it must be."""

    name: str
    size: int
    sha256: str


@cache
def listed() -> tuple[Jar, ...]:
    """The jars that the broker needs, from `jars.sha256`."""
    rows = (line.split() for line in _LIST.read_text().splitlines() if line and not line.startswith("#"))
    return tuple(Jar(name, int(size), sha256) for sha256, size, name in rows)


def classpath(progress: Progress, *, cache_directory: Path | None = None) -> str:
    """The Java classpath of the broker; fetches it the first time.

    Safe against a kill at any moment and against others who fetch at the same time: jars count once they are all there,
    verified, and moved into place in one step.

    Raises:
        PartError: They are not here and cannot be fetched.
    """
    home = folder(cache_directory)
    if not _complete(home):
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
            with alone(home, progress):
                if not _complete(home):
                    _fetch(home, progress)
        except OSError as error:
            raise PartError(f"cannot keep Kafka in {home}: {error.strerror or error}. {_HELP}") from error
    return os.pathsep.join(str(home / jar.name) for jar in listed())


def folder(cache_directory: Path | None = None) -> Path:
    """Where the jars of this version are, once they were fetched."""
    return (cache_directory or user_cache_path("closum-flows")) / f"kafka-{VERSION}"


def _complete(home: Path) -> bool:
    """Whether all jars are in place. Sizes only: their content was verified before they were moved here."""
    try:
        return all((home / jar.name).stat().st_size == jar.size for jar in listed())
    except OSError:
        return False


@contextlib.contextmanager
def alone(home: Path, progress: Progress) -> Iterator[None]:
    """Hold the folder of jars, so that one process at a time makes something there."""
    lock = FileLock(home.with_name(f"{home.name}.lock"))
    while True:
        try:
            lock.acquire(timeout=0.5)
            break
        except Timeout:
            progress("kafka", "waiting for another process that fetches or prepares Kafka")
    try:
        yield
    finally:
        lock.release()


def _fetch(home: Path, progress: Progress) -> None:
    parts = home.with_name(f"{home.name}.part")
    for attempt in range(1, _ATTEMPTS + 1):
        _drop_unverified(parts)
        progress("kafka", f"fetching Kafka {VERSION} from Maven Central")
        try:
            _resolve(parts, progress)
            break
        except (OSError, RuntimeError) as error:  # of requests and of jgo
            if attempt == _ATTEMPTS:
                raise PartError(f"cannot fetch Kafka {VERSION}: {_reason(error)}. {_HELP}") from error
            progress("kafka", f"fetching again after: {_reason(error)}")
    found = {file.name: file for file in (parts / "m2").rglob("*.jar")}
    wrong = [jar.name for jar in listed() if jar.name not in found or not _verified(found[jar.name], jar)]
    if wrong:
        raise PartError(
            f"what came from Maven Central is not Kafka {VERSION} as published: {', '.join(wrong)} differ from "
            f"{_LIST.name}. Something between may replace files; {_HELP[0].lower()}{_HELP[1:]}"
        )
    new = parts / "jars"
    new.mkdir()
    for jar in listed():
        found[jar.name].replace(new / jar.name)
    shutil.rmtree(home, ignore_errors=True)
    new.replace(home)
    shutil.rmtree(parts, ignore_errors=True)


def _drop_unverified(parts: Path) -> None:
    """Keep of an interrupted fetch only whole jars: jgo takes any file that is there for a whole one."""
    by_name = {jar.name: jar for jar in listed()}
    for file in [file for file in parts.rglob("*") if file.is_file()]:
        jar = by_name.get(file.name)
        if jar is None or not file.is_relative_to(parts / "m2") or not _verified(file, jar):
            file.unlink()
    for made in ("envs", "jars"):
        shutil.rmtree(parts / made, ignore_errors=True)


def _verified(file: Path, jar: Jar) -> bool:
    if file.stat().st_size != jar.size:
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == jar.sha256


def _resolve(parts: Path, progress: Progress) -> None:
    """Let jgo fetch the coordinates and what they depend on into `parts`/m2.

    A repository of our own instead of ~/.m2: jgo writes files in place, so that a kill would leave half a jar where
    every Maven build of the user takes it for a whole one.
    """
    # Imported here: they take half a second that only the first start needs.
    from jgo.env import EnvironmentBuilder, LinkStrategy  # noqa: PLC0415
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    total = sum(jar.size for jar in listed())
    known = {jar.name for jar in listed()}
    done = sum(file.stat().st_size for file in (parts / "m2").rglob("*.jar"))

    @contextlib.contextmanager
    def counting(name: str, _size: int) -> Iterator[Callable[[int], None]]:
        def add(count: int) -> None:
            nonlocal done
            if name in known:
                done += count
            progress("kafka", f"fetching Kafka {VERSION}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

        yield add

    context = MavenContext(repo_cache=parts / "m2", resolver=PythonResolver(progress_callback=counting))
    EnvironmentBuilder(context=context, cache_dir=parts / "envs", link_strategy=LinkStrategy.AUTO).from_endpoint(
        endpoint=_COORDINATES, update=False
    )


def _reason(error: Exception) -> str:
    """The innermost cause in one line: requests wraps `Name or service not known` four times."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return " ".join(str(cause).split())[:200] or type(cause).__name__
