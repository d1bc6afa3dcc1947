"""The settings of services/ingest, declared once: name, type, default, description."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.runtime.settings import CallingSettings


class IngestSettings(CallingSettings):
    """What services/ingest reads."""

    ingest_host: str = Field(default="127.0.0.1", description="address that hooks are sent to")
    ingest_port: int = Field(default=8080, ge=0, le=65535, description="its port")
    sources_file: Path | None = Field(default=None, description="YAML file, or folder of them, of the sources")
    events_token: str | None = Field(
        default=None,
        description="one bearer token of POST /v1/events for all accounts and sources, 16 characters or more; the next"
        " version no longer reads it: set FLOWS_EVENTS_TOKENS_FILE",
        min_length=16,
        repr=False,
    )
    events_tokens_file: Path | None = Field(
        default=None,
        description="YAML file of the tokens of POST /v1/events, each bound to accounts and sources (flows tokens)",
    )
    docs_open: bool = Field(
        default=False,
        description="GET /docs and /openapi.json without a token: they tell every trigger, field and example",
    )
    max_body_bytes: int = Field(default=262_144, ge=1024, le=800_000, description="largest body of a hook")
    max_in_flight: int = Field(default=2000, ge=1, description="requests at work at once; over it 503 with Retry-After")
    max_in_flight_bytes: int = Field(
        default=134_217_728, ge=1_048_576, description="bodies held in memory at once; over it 503 with Retry-After"
    )
    keep_alive_seconds: float = Field(
        default=75.0,
        ge=1,
        le=3600,
        description="so long an idle connection is kept, and so long a request's line and headers may take",
    )
    acknowledged_ids: int = Field(
        default=100_000, ge=0, description="ids of acknowledged events kept to tell a sender `duplicate: true`"
    )
    ends_keep_days: float = Field(
        default=7.0, gt=0, description="how long GET /v1/events/ID knows what became of an event"
    )
    acknowledge_seconds: float = Field(
        default=4.0, gt=0, le=60, description="Kafka must acknowledge within this, else 503"
    )
