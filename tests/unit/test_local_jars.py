"""Kafka's jars: only those that are exactly as published are ever used."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import PartError, kafka_jars, silent
from deploy.local.kafka_jars import Jar

_CONTENT = {"first.jar": b"first" * 100, "second.jar": b"second" * 100}
Resolve = Callable[[Path, object], None]


@pytest.fixture(autouse=True)
def small_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jars of a few bytes instead of 45 MB."""
    listed = tuple(Jar(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in _CONTENT.items())
    monkeypatch.setattr(kafka_jars, "listed", lambda: listed)


def _serving(content: dict[str, bytes], fetched: list[str]) -> Resolve:
    """Stands for Maven Central: lays down what is not there yet, as jgo does."""

    def resolve(parts: Path, _progress: object) -> None:
        for name, data in content.items():
            file = parts / "m2" / "some" / "group" / name
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
                fetched.append(name)

    return resolve


def test_a_jar_that_differs_by_one_byte_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same size, other content: the error names it, nothing is installed, and the next start fetches it again."""
    broken = {**_CONTENT, "second.jar": b"X" + _CONTENT["second.jar"][1:]}
    monkeypatch.setattr(kafka_jars, "_resolve", _serving(broken, []))
    with pytest.raises(PartError, match=r"second\.jar differ"):
        kafka_jars.classpath(silent, cache_directory=tmp_path)
    assert not (tmp_path / f"kafka-{kafka_jars.VERSION}").exists()
    fetched: list[str] = []
    monkeypatch.setattr(kafka_jars, "_resolve", _serving(_CONTENT, fetched))
    found = [Path(entry) for entry in kafka_jars.classpath(silent, cache_directory=tmp_path).split(os.pathsep)]
    assert [file.read_bytes() for file in found] == list(_CONTENT.values())
    assert fetched == ["second.jar"], "the good one is kept"


def test_a_jar_that_is_missing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that brings another version brings another name."""
    monkeypatch.setattr(
        kafka_jars, "_resolve", _serving({"first.jar": _CONTENT["first.jar"], "second-2.jar": b"?"}, [])
    )
    with pytest.raises(PartError, match=r"second\.jar differ"):
        kafka_jars.classpath(silent, cache_directory=tmp_path)


def test_the_second_time_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is used, until a jar in it is cut short: then all are fetched anew."""
    fetched: list[str] = []
    monkeypatch.setattr(kafka_jars, "_resolve", _serving(_CONTENT, fetched))
    first = kafka_jars.classpath(silent, cache_directory=tmp_path)
    assert kafka_jars.classpath(silent, cache_directory=tmp_path) == first
    assert fetched == list(_CONTENT)
    Path(first.split(os.pathsep)[0]).write_bytes(b"cut")
    assert kafka_jars.classpath(silent, cache_directory=tmp_path) == first
    assert Path(first.split(os.pathsep)[0]).read_bytes() == _CONTENT["first.jar"]


def test_an_unreachable_maven_central_is_tried_again_and_then_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three attempts, told as they happen; the text says why and what else one can do."""
    told: list[str] = []

    def fail(_parts: Path, _progress: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(kafka_jars, "_resolve", fail)
    with pytest.raises(PartError, match=r"no route to host\..*HTTPS_PROXY.*KAFKA_BOOTSTRAP"):
        kafka_jars.classpath(lambda _part, text: told.append(text), cache_directory=tmp_path)
    assert sum("fetching again" in text for text in told) == 2


def test_a_cache_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file where the cache's folder should be: its place and the way out are in the text."""
    (tmp_path / "file").touch()
    with pytest.raises(PartError, match=r"cannot keep Kafka in .*file.*KAFKA_BOOTSTRAP"):
        kafka_jars.classpath(silent, cache_directory=tmp_path / "file" / "cache")
