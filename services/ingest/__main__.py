"""`python -m services.ingest`: the HTTP gateway."""

# ruff: noqa: E402 - the collector is told first
from __future__ import annotations

from services.runtime import garbage_collector

garbage_collector.collect_seldom()

from services.ingest import service
from services.ingest.settings import IngestSettings
from services.runtime import lifecycle

ABOUT = (
    "Takes webhooks (POST /v1/hooks/SOURCE/TOKEN) and events (POST /v1/events) and puts them into the topic `events`. "
    "Answers 202 once Kafka has acknowledged. GET /docs describes every address and answer."
)


def main() -> None:
    """Run the gateway until SIGTERM or Ctrl-C."""
    lifecycle.run(service.serve(lifecycle.begin("ingest", ABOUT, IngestSettings)))


if __name__ == "__main__":
    main()
