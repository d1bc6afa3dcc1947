"""How settings are declared and read, and those that every service has. Each has its own in its settings.py.

A setting is read from the environment: `FLOWS_<NAME>`, and `KAFKA_BOOTSTRAP` and `DATABASE_URL` under their common
names. An empty variable counts as one that is not set. An unknown `FLOWS_*` variable stops the start and is answered
with the nearest right name. A field with `repr=False` holds a secret: its value is never shown.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from services.runtime import egress
from services.runtime.documents.suggestion import nearest
from services.runtime.egress import Network

PREFIX = "FLOWS_"
VALUES = "FLOWS_VAR_"
"""Of the values of `vars` in flows.yaml, which flows read: they are no settings."""
HIDDEN = "[hidden]"
LARGEST_PORT = 65_535
_environ: ContextVar[Mapping[str, str]] = ContextVar("environ", default=os.environ)


class SettingsError(Exception):
    """A setting is wrong. The text names the variable, the fault and the remedy."""


class _Environment(PydanticBaseSettingsSource):
    """The variables of the process, or of `load`'s mapping."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One variable as text; None when it is not set."""
        del field
        return _environ.get().get(variable(self.settings_cls, field_name)) or None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Every variable that is set, by field."""
        found = {name: self.get_field_value(info, name)[0] for name, info in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class RuntimeSettings(BaseSettings):
    """What every service reads."""

    model_config = SettingsConfigDict(extra="ignore", populate_by_name=True)

    kafka_bootstrap: str = Field(
        default="127.0.0.1:9092",
        validation_alias="KAFKA_BOOTSTRAP",
        description="host:port of Kafka brokers, by commas",
    )
    database_url: str = Field(
        default="postgresql://postgres@127.0.0.1:5432/flows",
        validation_alias="DATABASE_URL",
        description="PostgreSQL, as postgresql://user:password@host:port/database",
        repr=False,
    )
    topic_prefix: str = Field(
        default="closum.",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="stands before every topic and consumer group; letters, digits, `.`, `_` and `-`",
    )
    topic_partitions: int = Field(default=12, ge=1, le=1000, description="partitions of new topics")
    topic_replication: int = Field(default=1, ge=1, le=7, description="replicas of new topics; 3 in production")
    instance_id: str | None = Field(default=None, description="stable name of this replica, such as its pod's name")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="debug, info, warning or error"
    )
    health_host: str = Field(default="127.0.0.1", description="address of /livez, /readyz and /metrics")
    health_port: int = Field(
        default=0, ge=0, le=65535, description="its port; 0: 9101 ingest, 9102 tools, 9103 actions"
    )
    stall_seconds: float = Field(
        default=30.0, gt=0, description="no progress for so long with work waiting ends the process"
    )
    drain_seconds: float = Field(default=20.0, gt=0, description="time to finish what is in flight on SIGTERM")
    duplicate_hours: float = Field(default=24.0, gt=0, description="the same event id within this time is a duplicate")

    @classmethod
    def settings_customise_sources(  # noqa: D102 - pydantic-settings' own contract
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del env_settings, dotenv_settings, file_secret_settings
        return init_settings, _Environment(settings_cls)

    @field_validator("kafka_bootstrap")
    @classmethod
    def _brokers(cls, value: str) -> str:
        for broker in value.split(","):
            host, colon, port = broker.strip().rpartition(":")
            if not (host and colon and port.isdecimal() and 0 < int(port) <= LARGEST_PORT):
                raise ValueError(f"{broker.strip()!r} is not host:port, such as kafka:9092")
        return value

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            if "," not in parts.netloc:  # several hosts have several ports
                parts.port  # noqa: B018 - raises ValueError when it is none
        except ValueError:
            raise ValueError("not a URL; is a sign of the password not percent-encoded?") from None
        if parts.scheme not in {"postgresql", "postgres"}:
            raise ValueError("must begin with postgresql://")
        if not parts.path.strip("/"):
            raise ValueError("names no database: postgresql://user:password@host:port/database")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class CallingSettings(RuntimeSettings):
    """What services read that make calls."""

    egress_allow: tuple[Network | str, ...] = Field(
        default=(),
        description="networks (CIDR) and host names that calls may reach though not public, by commas; public ones may",
    )
    closum_file: Path | None = Field(
        default=None,
        description="YAML file of what is other in Closum than assumed; none: closum.yaml beside the file of"
        " connections or sources, where there is one",
    )

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(egress.allowed(part) for part in value.split(",") if part.strip())


class HoldSettings(RuntimeSettings):
    """What services/tools and services/actions read."""

    dead_letter_run: int = Field(
        default=100,
        ge=0,
        description="so many contacts for whom a flow dies of one cause, and nobody past it, hold the flow; 0: never",
    )
    dead_letter_pause_seconds: float = Field(
        default=1.0,
        gt=0,
        le=600,
        description="after so long a few are tried; each time that one dies, after longer, up to a minute",
    )


WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list"}
BOUNDS = {
    "minimum": "from",
    "exclusiveMinimum": "over",
    "maximum": "to",
    "exclusiveMaximum": "under",
    "minLength": "characters from",
}
Settings = TypeVar("Settings", bound=RuntimeSettings)


def variable(settings: type[BaseSettings], field: str) -> str:
    """The environment variable of a field."""
    alias = settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def variables(kinds: Iterable[type[RuntimeSettings]]) -> frozenset[str]:
    """The environment variables of these settings."""
    return frozenset(variable(settings, field) for settings in kinds for field in settings.model_fields)


def known_variables() -> frozenset[str]:
    """Every variable that some service reads: all may be set for all, as one file serves them together.

    From variables.json, which `make schemas` writes: here nothing is known of the services.
    """
    return frozenset(json.loads((Path(__file__).parent / "variables.json").read_text(encoding="utf-8")))


def load(settings: type[Settings], environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a service from the environment, or from `environ` and nothing else.

    Raises SettingsError with every fault at once: one line each, with the variable, the fault and the remedy.
    """
    token = _environ.set(os.environ if environ is None else environ)
    try:
        faults = [*_unknown(_environ.get(), known_variables() | variables((settings,)))]
        try:
            loaded = settings()
        except ValidationError as error:
            faults += [_wrong(settings, fault["loc"], fault["msg"], fault["input"]) for fault in error.errors()]
        if faults:
            raise SettingsError("\n".join(faults))
        return loaded
    finally:
        _environ.reset(token)


def _unknown(environ: Mapping[str, str], known: AbstractSet[str]) -> list[str]:
    """A line for each variable that is ours by its prefix and that nobody reads."""
    lines = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not name.startswith(VALUES):
            near = nearest(name, known)
            lines.append(f"{name}: no such setting" + (f"; did you mean {near}?" if near else "; see .env.example"))
    return lines


def _wrong(settings: type[RuntimeSettings], path: tuple[int | str, ...], message: str, value: object) -> str:
    """A line for one wrong value. pydantic names a field by its alias where it has one."""
    by_variable = {variable(settings, field): field for field in settings.model_fields}
    field = by_variable.get(str(path[0]), str(path[0]))
    info = settings.model_fields[field]
    shown = repr(value) if info.repr else HIDDEN
    return f"{variable(settings, field)}={shown}: {message.removeprefix('Value error, ')} (it is: {info.description})"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as people read of it."""

    variable: str
    default: str
    description: str
    kind: str
    """Its type and bounds, in words."""
    secret: bool
    services: tuple[str, ...]
    """Who reads it."""


def declared(kinds: Iterable[type[RuntimeSettings]]) -> list[Setting]:
    """Every setting once: what all read first, in the order of declaration."""
    readers = tuple(kinds)
    every: tuple[type[RuntimeSettings], ...] = (RuntimeSettings, *readers)
    first: dict[str, type[RuntimeSettings]] = {}
    for kind in every:
        for name in kind.model_fields:
            first.setdefault(name, kind)
    return [_setting(kind, name, readers) for name, kind in first.items()]


def _setting(kind: type[RuntimeSettings], name: str, readers: Iterable[type[RuntimeSettings]]) -> Setting:
    info = kind.model_fields[name]
    schema = kind.model_json_schema(by_alias=False)["properties"][name]
    schema = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
    words = "one of " + ", ".join(schema["enum"]) if "enum" in schema else WORDS[schema.get("type", "string")]
    bounds = [f"{sign} {schema[key]}" for key, sign in BOUNDS.items() if key in schema]
    return Setting(
        variable(kind, name),
        _default(info),
        info.description or "",
        ", ".join([words, *bounds]),
        secret=not info.repr,
        services=tuple(one.__name__.removesuffix("Settings").lower() for one in readers if name in one.model_fields),
    )


def _default(info: FieldInfo) -> str:
    if isinstance(info.default, tuple):
        return ",".join(map(str, info.default))
    return "" if info.default is None else str(info.default)


def help_text(settings: type[RuntimeSettings]) -> str:
    """The settings of one service as lines for `--help`."""
    lines = []
    for field, info in settings.model_fields.items():
        lines.append(f"  {variable(settings, field)} (default: {_default(info) or 'none'})\n      {info.description}")
    return "\n".join(lines)


def env_example(services: Iterable[type[RuntimeSettings]]) -> str:
    """The text of `.env.example`: every setting, its description, its default."""
    lines = [
        "# Every setting of closum-flows, with its default. Take away a `# ` to set one.",
        "# Made by `make schemas` from the settings.py of each service; a test keeps it in step.",
    ]
    done: set[str] = set()
    kinds: tuple[type[RuntimeSettings], ...] = (RuntimeSettings, *services)
    for settings in kinds:
        lines += ["", f"# ── {settings.__doc__}"]
        for field, info in settings.model_fields.items():
            name = variable(settings, field)
            if name not in done:
                done.add(name)
                lines += [f"# {info.description}", f"# {name}={_default(info)}"]
    return "\n".join(lines) + "\n"
