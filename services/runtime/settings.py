"""Every setting of the product, declared once: name, type, default, description. `.env.example` is made from here.

A setting is read from the environment: `FLOWS_<NAME>`, and `KAFKA_BOOTSTRAP` and `DATABASE_URL` under their common
names. An unknown `FLOWS_*` variable stops the start and is answered with the nearest right name.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "FLOWS_"
Network = IPv4Network | IPv6Network


class SettingsError(Exception):
    """A setting is wrong. The text names the variable, the fault and the remedy."""


class RuntimeSettings(BaseSettings):
    """What every service reads."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", populate_by_name=True)

    kafka_bootstrap: str = Field(
        default="127.0.0.1:9092",
        validation_alias="KAFKA_BOOTSTRAP",
        description="host:port of Kafka brokers, by commas",
    )
    database_url: str = Field(
        default="postgresql://postgres@127.0.0.1:5432/flows", validation_alias="DATABASE_URL", description="PostgreSQL"
    )
    topic_prefix: str = Field(default="closum.", description="stands before every topic and consumer group")
    topic_partitions: int = Field(default=12, ge=1, le=1000, description="partitions of new topics")
    topic_replication: int = Field(default=1, ge=1, le=7, description="replicas of new topics; 3 in production")
    instance_id: str | None = Field(default=None, description="stable name of this replica, such as its pod's name")
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error"
    )
    health_host: str = Field(default="127.0.0.1", description="address of /livez, /readyz and /metrics")
    health_port: int = Field(
        default=0, ge=0, le=65535, description="its port; 0: 9101 ingest, 9102 tools, 9103 actions"
    )
    stall_seconds: float = Field(
        default=30.0, gt=0, description="no progress for so long with work waiting ends the process"
    )
    drain_seconds: float = Field(default=20.0, gt=0, description="time to finish what is in flight on SIGTERM")


class IngestSettings(RuntimeSettings):
    """What services/ingest reads."""

    ingest_host: str = Field(default="127.0.0.1", description="address that hooks are sent to")
    ingest_port: int = Field(default=8080, ge=0, le=65535, description="its port")
    sources_file: Path | None = Field(default=None, description="YAML file that declares the hooks and their tokens")
    events_token: str | None = Field(
        default=None, description="bearer token of POST /v1/events; none: refused", min_length=16
    )
    max_body_bytes: int = Field(default=262_144, ge=1024, le=800_000, description="largest body of a hook")
    max_in_flight: int = Field(default=2000, ge=1, description="requests at work at once; over it 503 with Retry-After")
    acknowledge_seconds: float = Field(
        default=4.0, gt=0, le=60, description="Kafka must acknowledge within this, else 503"
    )


class ToolsSettings(RuntimeSettings):
    """What services/tools reads."""

    flows_dir: Path = Field(default=Path("flows"), description="folder of the flow files to run")
    batch_size: int = Field(default=500, ge=1, le=5000, description="most records taken at once")
    batch_seconds: float = Field(default=0.01, gt=0, le=1, description="longest wait for a batch to fill")
    duplicate_hours: float = Field(default=24.0, gt=0, description="the same event id within this time is a duplicate")


class ActionsSettings(RuntimeSettings):
    """What services/actions reads."""

    connections_file: Path | None = Field(
        default=None, description="YAML file of connections; it names secrets, never holds them"
    )
    egress_allow: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(), description="private networks that calls may reach, as CIDR by commas; public addresses always may"
    )
    max_concurrency: int = Field(default=256, ge=1, le=5000, description="calls at work at once in this process")
    max_pending: int = Field(default=5000, ge=1, description="requests held in memory; over it partitions are paused")
    call_seconds: float = Field(
        default=15.0, gt=0, le=600, description="whole time of one call, from connect to last byte"
    )
    max_answer_bytes: int = Field(default=1_048_576, ge=1024, description="largest answer that is read")

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


ALL: tuple[type[RuntimeSettings], ...] = (IngestSettings, ToolsSettings, ActionsSettings)
Settings = TypeVar("Settings", bound=RuntimeSettings)


def variable(settings: type[RuntimeSettings], field: str) -> str:
    """The environment variable of a field."""
    alias = settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def known_variables() -> frozenset[str]:
    """Every variable that some service reads: all may be set for all, as one file serves them together."""
    return frozenset(variable(settings, field) for settings in ALL for field in settings.model_fields)


def load(settings: type[Settings], environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a service. Raises SettingsError with every fault at once."""
    seen = os.environ if environ is None else environ
    faults = []
    for name in sorted(seen):
        if name.startswith(PREFIX) and name not in known_variables():
            near = difflib.get_close_matches(name, known_variables(), n=1, cutoff=0.6)
            faults.append(f"{name}: no such setting" + (f"; did you mean {near[0]}?" if near else "; see .env.example"))
    try:
        by_field = {field: seen[name] for field in settings.model_fields if (name := variable(settings, field)) in seen}
        loaded = settings.model_validate(by_field) if environ is not None else settings()
    except ValidationError as error:
        for fault in error.errors():
            field = str(fault["loc"][0])
            name = variable(settings, field) if field in settings.model_fields else field
            about = settings.model_fields[field].description if field in settings.model_fields else ""
            faults.append(f"{name}={fault['input']!r}: {fault['msg']} (it is: {about})")
        raise SettingsError("\n".join(faults)) from None
    if faults:
        raise SettingsError("\n".join(faults))
    return loaded


def help_text(settings: type[RuntimeSettings]) -> str:
    """The settings of one service as lines for `--help`."""
    lines = []
    for field, info in settings.model_fields.items():
        lines.append(f"  {variable(settings, field)} (default {info.default!s})\n      {info.description}")
    return "\n".join(lines)


def env_example() -> str:
    """The text of `.env.example`: every setting, its description, its default."""
    lines = [
        "# Every setting of closum-flows. Made by `make schemas` from services/runtime/settings.py; a test keeps it in step."
    ]
    done: set[str] = set()
    kinds: tuple[type[RuntimeSettings], ...] = (RuntimeSettings, *ALL)
    for settings in kinds:
        lines += ["", f"# {settings.__doc__}"]
        for field, info in settings.model_fields.items():
            name = variable(settings, field)
            if name not in done:
                done.add(name)
                default = "" if info.default is None or info.default == () else info.default
                lines += [f"# {info.description}", f"# {name}={default}"]
    return "\n".join(lines) + "\n"
