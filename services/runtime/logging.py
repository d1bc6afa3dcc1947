"""Logs: one JSON object a line on stderr, with secrets taken out. Event names are `noun.verb_past`."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import orjson
import structlog

SECRET_NAME = re.compile(r"secret|token|password|authorization|api[-_]?key|signature", re.IGNORECASE)
SECRET_IN_URL = re.compile(
    r"(?i)([?&](?:api-key|api_key|token|key|secret|signature)=)[^&\s\"']+|(://[^/\s:@]+:)[^@\s/]+@"
)
HIDDEN = "[hidden]"


def redact(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Replace values whose name says secret, and secrets inside URLs of any text."""
    for name, value in event.items():
        if SECRET_NAME.search(name) and value is not None:
            event[name] = HIDDEN
        elif isinstance(value, str):
            event[name] = SECRET_IN_URL.sub(
                lambda found: f"{found[1] or found[2]}{HIDDEN}{'@' if found[2] else ''}", value
            )
    return event


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
                structlog.processors.JSONRenderer(
                    serializer=lambda event, **_: orjson.dumps(event, default=str).decode()
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiokafka", "faust", "mode", "asyncio", "httpx", "granian", "_granian"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger bound to the part that logs."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
