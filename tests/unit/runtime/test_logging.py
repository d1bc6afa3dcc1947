"""Logs: one JSON object a line, from our loggers and from every library's, without secrets."""

from __future__ import annotations

import json
import logging as stdlib
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from services.runtime import logging

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the root logger and structlog as they were."""
    root = stdlib.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was logged."""
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def fail(error: Exception) -> None:
    """Raise it, so that it has a stack trace."""
    raise error


def test_a_line_is_one_json_object_with_service_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Logs can be searched by field."""
    logging.configure("tools")
    logging.get("test").info("batch.finished", records=3)
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "batch.finished", "records": 3, "service": "tools", "level": "info"}


def test_lines_of_libraries_look_like_ours(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning of any library, with its stack trace, is one line too."""
    logging.configure("tools")
    try:
        fail(ValueError("bad\nthing"))
    except ValueError:
        stdlib.getLogger("some.library").exception("went %s", "wrong")
    (line,) = lines(capsys)
    assert line["event"] == "went wrong"
    assert line["level"] == "error"
    assert "ValueError: bad\nthing" in line["exception"]


def test_below_the_level_nothing_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """FLOWS_LOG_LEVEL holds for ours and for libraries."""
    logging.configure("tools", "WARNING")
    logging.get("test").info("batch.finished")
    stdlib.getLogger("some.library").info("hello")
    assert lines(capsys) == []


def test_configuring_twice_logs_once(capsys: pytest.CaptureFixture[str]) -> None:
    """No line comes double."""
    logging.configure("tools")
    logging.configure("tools")
    logging.get("test").info("batch.finished")
    assert len(lines(capsys)) == 1


@pytest.mark.parametrize(
    "value",
    [
        {"token": SECRET},
        {"request": {"headers": {"Authorization": f"Bearer {SECRET}", "X-Api-Key": SECRET}}},
        {"tries": [{"password": SECRET}, {"client_secret": [SECRET]}]},
        {"url": f"https://api.closum.com/v2/lead/add/?api-key={SECRET}"},
        {"cause": f"GET https://x.test/?a=1&token={SECRET}&b=2 failed"},
        {"database": f"postgresql://flows:{SECRET}@db:5432/flows"},
        {"path": f"/v1/hooks/whatsapp/{SECRET}"},
        {"said": f"header was: bearer {SECRET}"},
        {"error": ValueError(f"no answer from https://x.test/?key={SECRET}")},
        {"deep": {"urls": (f"https://u:{SECRET}@x.test/",)}},
    ],
)
def test_secrets_are_taken_out_at_any_depth(value: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """By the name of a field, and by what text looks like."""
    logging.configure("actions")
    logging.get("test").warning("call.failed", **value)
    stdlib.getLogger("library").warning("saw %s", value)
    ours, theirs = lines(capsys)
    assert SECRET not in json.dumps(ours)
    assert logging.HIDDEN in json.dumps(ours)
    assert theirs["event"].startswith("saw ")


def test_a_secret_in_a_stack_trace_is_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    """HTTP clients put the whole URL into their errors."""
    logging.configure("actions")
    try:
        fail(OSError(f"https://api.closum.com/v2/?api-key={SECRET}"))
    except OSError:
        logging.get("test").exception("call.failed")
    assert SECRET not in json.dumps(lines(capsys))


def test_what_is_no_secret_stays(capsys: pytest.CaptureFixture[str]) -> None:
    """Redaction leaves the text around a secret, and plain values, alone."""
    logging.configure("actions")
    logging.get("test").info("call.finished", url="https://x.test/a?api-key=k&page=2", ids=[1, 2], token=None)
    (line,) = lines(capsys)
    assert line["url"] == "https://x.test/a?api-key=[hidden]&page=2"
    assert line["ids"] == [1, 2]
    assert line["token"] is None


def test_no_value_loses_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A cycle, half a surrogate pair, a huge number and a key that is no text are logged somehow."""
    logging.configure("actions")
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    log = logging.get("test")
    log.info("a", value=cycle)
    log.info("b", value="\ud83d", number=2**70)
    log.info("c", value={1: 2})
    assert [line["event"] for line in lines(capsys)] == ["a", "b", "c"]


def test_a_library_says_the_same_once_a_minute_and_we_whenever_we_do() -> None:
    now = [0.0]
    news = logging.OnceAMinute(lambda: now[0])

    def told(name: str, text: str) -> bool:
        return bool(news.filter(stdlib.LogRecord(name, stdlib.ERROR, "", 0, "%s", (text,), None)))

    assert [told("aiokafka.conn", text) for text in ("refused", "refused", "other", "refused")] == [
        True,
        False,
        True,
        False,
    ]
    assert [told("lifecycle", "start.delayed") for _ in range(2)] == [True, True]
    now[0] = 61.0
    assert told("aiokafka.conn", "refused")


def test_what_is_tried_again_soon_is_told_once_a_minute_for_each_cause() -> None:
    log, about = logging.get("a-test"), {"connection": "only-here"}
    with structlog.testing.capture_logs() as lines:
        for error in (OSError("a"), OSError("b"), TimeoutError("c"), OSError("d")):
            logging.failed(log, "lease.failed", error, **about)
    assert [line["cause"] for line in lines] == ["OSError: a", "TimeoutError: c"]
    assert {line["connection"] for line in lines} == {"only-here"}
