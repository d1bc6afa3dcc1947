"""Logs: one JSON object a line on stderr, with secrets taken out. Event names are `noun.verb_past`."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import orjson
import structlog

SECRET_NAME = re.compile(r"secret|token|password|authorization|cookie|api[-_]?key|signature", re.IGNORECASE)
# In any text: a query parameter, a user's password in a URL, a hook's token in its path, a bearer token.
SECRET_IN_TEXT = re.compile(
    r"""(?ix)
    (?P<before>[?&](?:api-key|api_key|apikey|access_token|token|key|secret|password|signature)=) [^&\s"']+
    | (?P<user>://[^/\s:@]*:) [^@\s/]+ (?P<at>@)
    | (?P<hook>/hooks/[^/\s"']+/) [^/?\s"']+
    | (?P<bearer>\bbearer\s+) [^\s"',]+
    """
)
HIDDEN = "[hidden]"
DEEPEST = 8
LIBRARIES = ("aiokafka", "faust", "mode", "asyncio", "httpx", "granian", "_granian")
AGAIN_SECONDS = 60.0
MOST_SAID = 1_000
LONGEST_CAUSE = 500


class LastSaid:
    """When each thing was said last: the same again is news after a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[tuple[str, ...], float] = {}

    def news(self, what: tuple[str, ...]) -> bool:
        """Whether it is to be said now, and so it is."""
        now = self._clock()
        if now - self._said.get(what, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        if len(self._said) >= MOST_SAID:
            self._said.clear()
        self._said[what] = now
        return True


class OnceAMinute(logging.Filter):
    """Libraries say the same at each try, as while Kafka is away: what it means is told by who waits for it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._said = LastSaid(clock)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is news: ours always are."""
        theirs = record.name.partition(".")[0] in LIBRARIES
        return not theirs or self._said.news((record.name, record.getMessage()))


_failed = LastSaid()


def failed(log: structlog.stdlib.BoundLogger, event: str, error: BaseException, **about: str) -> None:
    """Warn of what fails and is tried again soon, as while a part is away: each cause, and the same once a minute."""
    if _failed.news((event, type(error).__name__, *about.values())):
        log.warning(event, cause=f"{type(error).__name__}: {error}"[:LONGEST_CAUSE], **about)


def _hide(found: re.Match[str]) -> str:
    before = next((part for name, part in found.groupdict().items() if part is not None and name != "at"), "")
    return f"{before}{HIDDEN}{found['at'] or ''}"


def _clean(value: object, depth: int = 0) -> object:
    """The value without secrets; what lies deeper than anything we log is left out, so that a cycle ends."""
    if isinstance(value, str):
        return SECRET_IN_TEXT.sub(_hide, value)
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        return value
    if depth == DEEPEST:
        return "[deeper]"
    if isinstance(value, Mapping):
        return {
            name: HIDDEN if SECRET_NAME.search(str(name)) and inner is not None else _clean(inner, depth + 1)
            for name, inner in value.items()
        }
    return [_clean(inner, depth + 1) for inner in value]


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values whose name says secret, at any depth, and secrets inside URLs of any text."""
    for name, value in event.items():
        # structlog's own entries (`_record`) are objects that its formatter needs as they are.
        if not name.startswith("_"):
            event[name] = HIDDEN if SECRET_NAME.search(name) and value is not None else _clean(value)
    return event


def _text(value: object) -> str:
    return SECRET_IN_TEXT.sub(_hide, str(value))


def _line(event: Mapping[str, Any], **_: object) -> str:
    try:
        return orjson.dumps(event, default=_text, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # orjson refuses half a surrogate pair and integers over 64 bits. A line must not be lost for that.
        return json.dumps(event, default=_text)


def configure(service: str, level: str = "INFO") -> None:
    """Send our logs and those of every library to stderr as JSON lines. Calling it twice changes nothing more."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"service": service, **event},
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_line),
            ],
        )
    )
    handler.addFilter(OnceAMinute())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in LIBRARIES:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger bound to the part that logs."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
