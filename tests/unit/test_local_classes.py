"""The file of Kafka's classes: made once, for what fits it, and a start never fails for want of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import PartError, kafka_classes, kafka_jars, silent

Train = Callable[[Path, Path], None]


@pytest.fixture(autouse=True)
def jars(tmp_path: Path) -> Path:
    """Where they are."""
    home = kafka_jars.folder(tmp_path)
    home.mkdir()
    return home


def writing(runs: list[Path]) -> Train:
    """Stands for a run of Kafka."""

    def train(folder: Path, file: Path) -> None:
        folder.mkdir(exist_ok=True)
        runs.append(folder)
        file.write_bytes(b"classes")

    return train


def test_it_is_made_once_for_each_java_and_nothing_else_is_left(tmp_path: Path, jars: Path) -> None:
    runs: list[Path] = []
    first = kafka_classes.prepared(("java 25", "-Xmx1g"), writing(runs), silent, cache_directory=tmp_path)
    again = kafka_classes.prepared(("java 25", "-Xmx1g"), writing(runs), silent, cache_directory=tmp_path)
    other = kafka_classes.prepared(("java 26", "-Xmx1g"), writing(runs), silent, cache_directory=tmp_path)
    assert first is not None
    assert first == again != other
    assert first.read_bytes() == b"classes"
    assert len(runs) == 2
    assert sorted(jars.iterdir()) == sorted(file for file in (first, other) if file)


def failing(_folder: Path, _file: Path) -> None:
    raise PartError("no memory")


def writing_nothing(_folder: Path, _file: Path) -> None:
    """As a Java that cannot do it."""


@pytest.mark.parametrize(("train", "reason"), [(failing, "no memory"), (writing_nothing, "Java wrote no file")])
def test_what_cannot_be_made_is_told_and_not_tried_at_each_start(tmp_path: Path, train: Train, reason: str) -> None:
    told: list[str] = []
    runs: list[Path] = []
    assert kafka_classes.prepared(("java",), train, lambda _, text: told.append(text), cache_directory=tmp_path) is None
    assert reason in told[-1]
    assert kafka_classes.prepared(("java",), writing(runs), silent, cache_directory=tmp_path) is None
    Path(told[-1].partition("until ")[2].partition(" is removed")[0]).unlink()
    assert kafka_classes.prepared(("java",), writing(runs), silent, cache_directory=tmp_path) is not None
    assert len(runs) == 1


def test_a_cache_that_takes_no_file_is_told(tmp_path: Path, jars: Path) -> None:
    """Kafka starts without."""
    told: list[str] = []
    jars.rmdir()
    jars.touch()
    assert kafka_classes.prepared(("j",), failing, lambda _, text: told.append(text), cache_directory=tmp_path) is None
    assert "stay slow" in told[-1]


def test_what_a_killed_try_left_is_not_taken_for_the_file(tmp_path: Path, jars: Path) -> None:
    def killed(folder: Path, file: Path) -> None:
        folder.mkdir()
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    runs: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        kafka_classes.prepared(("java",), killed, silent, cache_directory=tmp_path)
    (jars / "classes.part").mkdir()
    made = kafka_classes.prepared(("java",), writing(runs), silent, cache_directory=tmp_path)
    assert made is not None
    assert made.read_bytes() == b"classes"
    assert list(jars.iterdir()) == [made]


def test_a_start_that_is_given_up_has_not_failed(tmp_path: Path, jars: Path) -> None:
    """Ctrl-C while it is made: progress raises, and the next start makes it."""

    def abandoned(_part: str, _text: str) -> None:
        raise PartError("the start of kafka was abandoned")

    with pytest.raises(PartError, match="abandoned"):
        kafka_classes.prepared(("java",), failing, abandoned, cache_directory=tmp_path)
    assert list(jars.iterdir()) == []
