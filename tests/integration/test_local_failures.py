"""Embedded Kafka and PostgreSQL: what a person reads when one does not start."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import PartError, PostgresServer, embedded_postgres, parts
from deploy.local.ports import LOOPBACK


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield listener.getsockname()[1]


def test_a_given_port_that_is_taken_is_named(tmp_path: Path, taken_port: int) -> None:
    """The text names the port and says what to do."""
    with pytest.raises(PartError, match=rf"port {taken_port} is taken.*another port"):
        PostgresServer(tmp_path, port=taken_port).start()


def test_a_remembered_port_that_is_taken_is_replaced(tmp_path: Path) -> None:
    """Nobody asked for that port: the next start takes another one and remembers that."""
    with embedded_postgres(tmp_path) as server:
        before = server.port
    with socket.create_server((LOOPBACK, before)), embedded_postgres(tmp_path) as server:
        after = server.port
        assert after != before
    with embedded_postgres(tmp_path) as server:
        assert server.port == after


def test_a_given_port_is_taken_also_when_another_was_remembered(tmp_path: Path) -> None:
    """The caller's word counts more than the last run's."""
    with embedded_postgres(tmp_path) as server:
        before = server.port
    with embedded_postgres(tmp_path, port=before - 1) as server:
        assert server.port == before - 1


def test_a_failing_start_quotes_the_log(tmp_path: Path) -> None:
    """PostgreSQL's own words about data of another version reach the person."""
    with embedded_postgres(tmp_path):
        pass
    (tmp_path / "data" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(PartError, match=r"(?s)ended while it was starting.*server\.log ends with.*not compatible"):
        PostgresServer(tmp_path).start()
    assert not (tmp_path / "state.json").exists()


def test_a_lost_password_says_what_to_remove(tmp_path: Path) -> None:
    """The password belongs to the data; without it only a new folder helps."""
    with embedded_postgres(tmp_path):
        (tmp_path / "password").unlink()
    with pytest.raises(PartError, match=r"password.*remove that folder"):
        PostgresServer(tmp_path).start()


def test_a_wrong_password_is_an_error_at_once(tmp_path: Path) -> None:
    """Nobody waits two minutes for a server that will not let them in."""
    with embedded_postgres(tmp_path):
        (tmp_path / "password").write_text("another")
    with pytest.raises(PartError, match="does not let us in"):
        PostgresServer(tmp_path).start()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").touch()
    with pytest.raises(PartError, match=r"cannot use .*file/postgres for postgres"):
        PostgresServer(tmp_path / "file" / "postgres").start()


def test_when_one_part_fails_the_other_is_stopped(tmp_path: Path, taken_port: int) -> None:
    """The first error is the one that is raised, and nothing stays behind."""
    with (
        pytest.raises(PartError, match=f"port {taken_port} is taken"),
        parts(tmp_path, postgres_port=taken_port, environ={}),
    ):
        pytest.fail("it started")
    assert not (tmp_path / "kafka" / "state.json").exists()
    assert not (tmp_path / "postgres" / "state.json").exists()


def test_servers_that_the_environment_names_are_taken(kafka_bootstrap: str, database_url: str, tmp_path: Path) -> None:
    """Nothing is started, no folder is made."""
    environ = {"KAFKA_BOOTSTRAP": kafka_bootstrap, "DATABASE_URL": database_url}
    with parts(tmp_path / "new", environ=environ) as both:
        assert both.kafka_bootstrap == kafka_bootstrap
        assert both.database_url == database_url
        assert both.kafka is None
        assert both.postgres is None
    assert not (tmp_path / "new").exists()


def test_a_named_kafka_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    """The setting, its value's fault and the remedy are in the text; malformed addresses are no stack trace."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
    for wrong in (f"{LOOPBACK}:{port}", f"{LOOPBACK}:port", f"{LOOPBACK}:99999999"):
        with (
            pytest.raises(PartError, match=f"KAFKA_BOOTSTRAP names no Kafka .*'{wrong}'.*unset it"),
            parts(tmp_path, environ={"KAFKA_BOOTSTRAP": wrong, "DATABASE_URL": "postgresql://db.example/flows"}),
        ):
            pytest.fail("it started")


def test_a_named_database_that_does_not_answer_is_an_error(kafka_bootstrap: str, tmp_path: Path) -> None:
    """The setting and the remedy are in the text, the password is not; a malformed URL is no stack trace."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
    for wrong in (f"postgresql://flows:s3cret@{LOOPBACK}:{port}/flows", f"s3cret@{LOOPBACK}:{port}"):
        with (
            pytest.raises(PartError, match=r"DATABASE_URL names no PostgreSQL .*unset it") as failure,
            parts(tmp_path, environ={"KAFKA_BOOTSTRAP": kafka_bootstrap, "DATABASE_URL": wrong}),
        ):
            pytest.fail("it started")
        assert "s3cret" not in str(failure.value)
