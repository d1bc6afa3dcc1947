"""The settings of services/actions, declared once: name, type, default, description."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from services.runtime.settings import LARGEST_PORT, CallingSettings, HoldSettings


class ActionsSettings(CallingSettings, HoldSettings):
    """What services/actions reads."""

    connections_file: Path | None = Field(
        default=None, description="YAML file of connections; it names secrets, never holds them"
    )
    egress_ports: tuple[int, ...] = Field(
        default=(80, 443, 8080, 8443),
        description="ports of public addresses that calls without a connection may reach, by commas",
    )
    max_concurrency: int = Field(
        default=384,
        ge=1,
        le=5000,
        description="calls at work at once in this process; of one flow at one connection at most two thirds",
    )
    max_pending: int = Field(default=5000, ge=1, description="requests held in memory; over it partitions are paused")
    read_ahead_bytes: int = Field(
        default=201_326_592,
        ge=0,
        description="records of flows with thousands of requests that are read ahead, so that others behind them are"
        " seen; over it partitions are paused",
    )
    call_seconds: float = Field(
        default=15.0, gt=0, le=600, description="whole time of one call, from connect to last byte"
    )
    max_answer_bytes: int = Field(default=1_048_576, ge=1024, description="largest answer that is read")
    admin_token: str | None = Field(
        default=None,
        description="bearer token of /v1/dead-letters, /v1/unknown-effects, 16 characters or more; none: not offered",
        min_length=16,
        repr=False,
    )
    admin_other_connection: bool = Field(
        default=False,
        description="a redrive by HTTP may send a call to another connection, where it asks for that",
    )
    park_seconds: float = Field(
        default=5.0, ge=0, description="a longer wait for another attempt is spent in PostgreSQL, not in memory"
    )
    max_parked: int = Field(
        default=5_000_000, ge=1, description="requests of this process that wait there; over it partitions are paused"
    )
    max_parked_bytes: int = Field(
        default=21_474_836_480,
        ge=1_048_576,
        description="what the requests of all processes that wait there take on disk; over it partitions are paused",
    )
    verify_seconds: float = Field(
        default=30.0,
        ge=0,
        description="so long after a call of unknown outcome its destination is not believed that it did not happen",
    )
    effect_days: float = Field(
        default=7.0, gt=0, description="what became of a call is remembered so long, so that it is not made again"
    )

    @field_validator("egress_ports", mode="before")
    @classmethod
    def _ports(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        ports = tuple(part.strip() for part in value.split(",") if part.strip())
        if wrong := next((port for port in ports if not port.isdecimal() or not 0 < int(port) <= LARGEST_PORT), None):
            raise ValueError(f"{wrong!r} is no port")
        return ports
