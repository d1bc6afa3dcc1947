"""One entry of the sources file, as it is written."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from contracts.events import LONGEST_DUPLICATE_SECONDS
from contracts.triggers.registry import TRIGGERS
from services.flows.durations import parse_duration
from services.ingest.auth.presets import PRESETS
from services.ingest.sources.secret import Secrets
from services.runtime.documents.suggestion import suggestion

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


def _network(value: object) -> object:
    try:
        return ip_network(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("is no network, such as 192.0.2.0/24 or 2001:db8::/32") from None


Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
LEAST_SECONDS = 1.0
IN_BODY, IN_HEADER = "[body]", "[header]"  # in the places of faults, and not in the file
CRON_FIELDS = 5
A_LEAP_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    return value


def _pointer(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is no JSON pointer: write it as /order/id")
    return text


Pointer = Annotated[str, AfterValidator(_pointer)]
Pointers = Annotated[list[Pointer], BeforeValidator(_listed)]
Duration = Annotated[float, BeforeValidator(_duration), Field(ge=LEAST_SECONDS, le=LONGEST_DUPLICATE_SECONDS)]


class StrictForm(BaseModel):
    """A mapping of the file: no field but these."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignatureForm(StrictForm):
    """A signature that no preset describes."""

    header: str = Field(min_length=1)
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    signs: str = "{body}"
    timestamp_header: str | None = None
    timestamp_unit: Literal["s", "ms"] = "s"

    @model_validator(mode="after")
    def _signs_the_body(self) -> Self:
        if "{body}" not in self.signs:
            raise ValueError("signs: has no {body}, so that anybody could change the body")
        if ("{timestamp}" in self.signs) != (self.timestamp_header is not None):
            raise ValueError("{timestamp} in signs and timestamp_header belong together")
        return self


class BasicForm(StrictForm):
    """User and password."""

    user: str = Field(min_length=1)
    password: Secrets


class CertificateForm(StrictForm):
    """What a trusted proxy tells of the client's certificate."""

    header: str = Field(min_length=1)
    values: list[str] = Field(min_length=1)
    proxies: list[Network] = Field(min_length=1)


class AuthenticationForm(StrictForm):
    """Exactly one scheme."""

    preset: Literal[tuple(PRESETS)] | None = None  # type: ignore[valid-type]  # the names of a table
    signature: SignatureForm | None = None
    bearer: Secrets | None = None
    basic: BasicForm | None = None
    client_certificate: CertificateForm | None = None
    secret: Secrets | None = None
    tolerance_seconds: float = Field(default=300.0, gt=0, le=86_400)
    replay: Literal["duplicate", "refuse"] = "duplicate"
    url: HttpUrl | None = Field(default=None, description="our address as the sender knows it, where it is signed")

    @model_validator(mode="after")
    def _one(self) -> Self:
        schemes = (self.preset, self.signature, self.bearer, self.basic, self.client_certificate)
        if sum(scheme is not None for scheme in schemes) != 1:
            raise ValueError("is exactly one of preset, signature, bearer, basic, client_certificate")
        signed = self.preset is not None or self.signature is not None
        if signed != (self.secret is not None):
            raise ValueError("`secret` belongs to preset and signature, and to those only")
        return self


class LimitsForm(StrictForm):
    """What a source may send, over all replicas."""

    requests_per_second: int | None = Field(default=None, ge=1, le=100_000)
    body_bytes: int | None = Field(default=None, ge=1, le=800_000)


class ScheduleForm(StrictForm):
    """When a schedule fires."""

    cron: str | None = None
    every: Duration | None = None
    time_zone: str = "UTC"
    missed: Literal["skip", "catch_up"] = "skip"

    @field_validator("cron")
    @classmethod
    def _cron(cls, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            times = CronSim(text, A_LEAP_YEAR)
        except CronSimError:
            times = None
        if times is None or len(text.split()) != CRON_FIELDS:
            raise ValueError("is no cron expression: minute hour day month weekday, such as `0 9 * * mon-fri`")
        if next(times, None) is None:
            raise ValueError("never comes: no such day is in any month")
        return text

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, text: str) -> str:
        try:
            ZoneInfo(text)
        except (KeyError, ValueError, OSError):
            raise ValueError("is no time zone, such as Europe/Lisbon") from None
        return text

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.cron is None) == (self.every is None):
            raise ValueError("is either cron or every")
        return self


class PollAuthentication(StrictForm):
    """How we prove who we are when we ask."""

    bearer: Secrets | None = None
    header: str | None = None
    query: str | None = None
    secret: Secrets | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(way is not None for way in (self.bearer, self.header, self.query)) != 1:
            raise ValueError("is exactly one of bearer, header, query")
        if (self.bearer is None) != (self.secret is not None):
            raise ValueError("header and query need `secret`; bearer is one")
        return self


class CursorForm(StrictForm):
    """How the next question begins where the last one ended."""

    parameter: str = Field(min_length=1, description="query parameter that carries it")
    next: str | None = Field(default=None, pattern="^/", description="where the answer has it")
    last_item: str | None = Field(default=None, pattern="^/", description="where the last item has it")
    first: str | None = Field(default=None, description="what is sent the first time")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.next is None) == (self.last_item is None):
            raise ValueError("is either next (a pointer into the answer) or last_item (a pointer into an item)")
        return self


class PollForm(StrictForm):
    """A system without webhooks is asked."""

    url: HttpUrl
    every: Duration
    items: str = Field(default="", description="where the list stands in the answer; absent: the answer is the list")
    cursor: CursorForm | None = None
    authentication: PollAuthentication | None = None


class HeaderForm(StrictForm):
    """A value that stands in a header."""

    header: str = Field(min_length=1)


def _identity(value: object) -> str:
    return IN_HEADER if isinstance(value, dict | HeaderForm) else IN_BODY


Identity = Annotated[
    Annotated[Pointers, Tag(IN_BODY)] | Annotated[HeaderForm, Tag(IN_HEADER)], Discriminator(_identity)
]


class DeduplicateForm(StrictForm):
    """How long the same id is a duplicate; and where its sender sends none, how long the same content is a repeat."""

    within: Duration | None = None
    repeats_within: Duration | None = None

    @property
    def seconds(self) -> int | None:
        """Whole seconds, not fewer."""
        return None if self.within is None else math.ceil(self.within)

    @property
    def repeat_seconds(self) -> int | None:
        """Whole seconds, not fewer."""
        return None if self.repeats_within is None else math.ceil(self.repeats_within)

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.within is None and self.repeats_within is None:
            raise ValueError("is within, or repeats_within, or both")
        return self


class SourceEntry(StrictForm):
    """One source."""

    trigger: str | None = None
    json_schema: dict[str, Any] | None = Field(default=None, alias="schema")
    schema_file: Path | None = None
    example: dict[str, Any] | None = None
    example_file: Path | None = None
    platform: Literal["whatsapp_cloud"] | None = None
    schedule: ScheduleForm | None = None
    poll: PollForm | None = None
    token: Secrets | None = None
    authentication: AuthenticationForm | None = None
    verify_token: Secrets | None = None
    networks: list[Network] = Field(default_factory=list)
    proxies: list[Network] = Field(default_factory=list)
    limits: LimitsForm = LimitsForm()
    id: Identity = Field(default_factory=list)
    time: Pointers = Field(default_factory=list)
    subject: Pointers = Field(default_factory=list)
    deduplicate: DeduplicateForm | None = None
    account: str = Field(default="default", min_length=1, max_length=512)

    @field_validator("trigger")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in TRIGGERS:
            raise ValueError(f"there is no trigger {name!r}; {suggestion(name, TRIGGERS)}")
        return name

    @property
    def shaped(self) -> bool:
        """Whether it brings its own shape."""
        return any(part is not None for part in (self.json_schema, self.schema_file, self.example, self.example_file))

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        schemas = (self.json_schema is not None) + (self.schema_file is not None)
        examples = (self.example is not None) + (self.example_file is not None)
        if max(schemas, examples) > 1:
            raise ValueError("give the schema, and the example, in one place each")
        kinds = (self.trigger is not None) + self.shaped + (self.platform is not None) + (self.schedule is not None)
        if kinds != 1:
            raise ValueError("is exactly one of trigger, schema (or example), platform, schedule")
        if self.poll is not None and not self.shaped:
            raise ValueError("poll: needs the schema or an example of one item")
        if not self.shaped and (self.id or self.time or self.subject):
            raise ValueError("id, time and subject belong to a source with a schema or an example")
        if self.schedule is not None and self.deduplicate is not None:
            raise ValueError("deduplicate: each time of a schedule has an id of its own, so that nothing is to be told")
        if self.poll is not None and self.deduplicate is not None and self.deduplicate.repeats_within is not None:
            raise ValueError("repeats_within belongs to a source that sends; a poll asks again by itself")
        incoming = self.schedule is None and self.poll is None
        if incoming and self.token is None and self.authentication is None:
            raise ValueError("nobody proves anything: give it a token, or authentication, or both")
        if not incoming and (self.token or self.authentication or self.verify_token):
            raise ValueError("token and authentication are for what comes in; nothing is sent to this source")
        return self


class SourcesFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    sources: dict[Name, SourceEntry]
