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
    AwareDatetime,
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
from contracts.triggers.sent_times import written
from services.flows.durations import parse_duration
from services.ingest.auth.presets import PRESETS
from services.ingest.sources.body_forms import (
    IN_BODY,
    IN_HEADER,
    AnswerForm,
    HandshakeForm,
    HeaderForm,
    Items,
    RequestPart,
    Type,
    TypeForm,
    TypeName,
    place,
)
from services.ingest.sources.form_parts import Origin, Pointer, Pointers, StrictForm
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
LARGEST_BODY = 3_145_728
"""What a source may take at most, and one whose bodies carry several events takes: Meta sends up to 3 MB. An event
alone is at most what a topic takes."""
TOGETHER = "[together]"  # in the places of faults, and not in the file
CRON_FIELDS = 5
BY_CERTIFICATE = "paypal"
BESIDE_SHAPE = "id, time, subject, type, headers, query, leave_out and on_mismatch"
OF_REQUESTS = "handshakes, answer, from_query, items, leave_out, headers, query, types and origins"
A_LEAP_YEAR = datetime(2024, 1, 1, tzinfo=UTC)
A_LATE_DAY = datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC)


def _duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    return value


Duration = Annotated[float, BeforeValidator(_duration), Field(ge=LEAST_SECONDS, le=LONGEST_DUPLICATE_SECONDS)]


class SignaturePartsForm(StrictForm):
    """The names in a header such as `t=1492774577,v1=5257a8`."""

    signature: str = Field(min_length=1)
    timestamp: str | None = Field(default=None, min_length=1)


class SignatureForm(StrictForm):
    """A signature that no preset describes."""

    header: str = Field(min_length=1)
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    signs: str = "{body}"
    timestamp_header: str | None = None
    timestamp_unit: Literal["s", "ms", "iso8601"] = "s"
    parts: SignaturePartsForm | None = None
    given_in: str | None = Field(
        default=None, min_length=1, description="the header in which its sender gives the secret, in a handshake"
    )

    @model_validator(mode="after")
    def _signs_the_body(self) -> Self:
        if "{body}" not in self.signs:
            raise ValueError("signs: has no {body}, so that anybody could change the body")
        stamps = (self.timestamp_header, self.parts and self.parts.timestamp)
        if sum(stamp is not None for stamp in stamps) != ("{timestamp}" in self.signs):
            raise ValueError("{timestamp} in signs belongs together with timestamp_header, or with parts.timestamp")
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


class CertificatesForm(StrictForm):
    """Whose certificates prove a signature that names one, where they are not the platform's own."""

    hosts: list[str] = Field(default_factory=list, description="where they may be fetched from")
    authorities_file: Path | None = Field(default=None, description="PEM of whom is trusted to have signed them")


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
    handshake_until: AwareDatetime | None = Field(
        default=None, description="until when its sender may give another secret beside those that are there"
    )
    certificates: CertificatesForm | None = None
    url: HttpUrl | None = Field(default=None, description="our address as the sender knows it, where it is signed")

    @model_validator(mode="after")
    def _one(self) -> Self:
        schemes = (self.preset, self.signature, self.bearer, self.basic, self.client_certificate)
        if sum(scheme is not None for scheme in schemes) != 1:
            raise ValueError("is exactly one of preset, signature, bearer, basic, client_certificate")
        signed = self.preset is not None or self.signature is not None
        if signed != (self.secret is not None):
            raise ValueError("`secret` belongs to preset and signature, and to those only")
        if self.handshake_until is not None and not self.given:
            raise ValueError("handshake_until belongs to a signature with given_in")
        if self.certificates is not None and self.preset != BY_CERTIFICATE:
            raise ValueError(f"certificates belongs to preset: {BY_CERTIFICATE}")
        return self

    @property
    def given(self) -> bool:
        """Whether its sender gives the secret."""
        return self.signature is not None and self.signature.given_in is not None

    @property
    def needs_token(self) -> str:
        """Why the address must be a secret too; empty where it need not."""
        if self.given:
            return "given_in: whoever knows the address could give its first secret"
        if self.preset == BY_CERTIFICATE:
            return f"preset: {BY_CERTIFICATE} signs no more of a body than its CRC-32"
        return ""


class LimitsForm(StrictForm):
    """What a source may send, over all replicas."""

    requests_per_second: int | None = Field(default=None, ge=1, le=100_000)
    body_bytes: int | None = Field(default=None, ge=1, le=LARGEST_BODY)


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


class TogetherForm(StrictForm):
    """Values that only together tell one delivery from another: what it is about, what happened, and when."""

    all: list[Pointer] = Field(min_length=2)


def _identity(value: object) -> str:
    if isinstance(value, TogetherForm) or (isinstance(value, dict) and "all" in value):
        return TOGETHER
    return place(value)


Identity = Annotated[
    Annotated[Pointers, Tag(IN_BODY)] | Annotated[HeaderForm, Tag(IN_HEADER)] | Annotated[TogetherForm, Tag(TOGETHER)],
    Discriminator(_identity),
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
    origins: list[Origin] = Field(default_factory=list, description="web pages that may send, as browsers name them")
    limits: LimitsForm = LimitsForm()
    handshakes: list[HandshakeForm] = Field(default_factory=list)
    answer: AnswerForm | None = None
    from_query: bool = Field(default=False, description="a GET is an event, its query the body")
    items: Items | None = Field(default=None, description="where the list of events stands in the body")
    on_mismatch: Literal["refuse", "raw"] = Field(
        default="refuse", description="what a field of another type, or a longer text, does"
    )
    leave_out: list[Pointer] = Field(default_factory=list, description="what flows must not see, such as tokens")
    headers: list[RequestPart] = Field(default_factory=list, description="headers that flows can read")
    query: list[RequestPart] = Field(default_factory=list, description="parameters of the address that flows can read")
    event_type: Type | None = Field(default=None, alias="type", description="what tells the source's types apart")
    types: dict[TypeName, TypeForm] = Field(default_factory=dict)
    id: Identity = Field(default_factory=list)
    time: Pointers = Field(default_factory=list)
    time_format: str | None = Field(default=None, description="how times are written, where several readings fit")
    subject: Pointers = Field(default_factory=list)
    deduplicate: DeduplicateForm | None = None
    same_id: Literal["duplicate", "new"] = Field(
        default="duplicate", description="what an id that comes again is when its content is another"
    )
    account: str = Field(default="default", min_length=1, max_length=512)

    @field_validator("trigger")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in TRIGGERS:
            raise ValueError(f"there is no trigger {name!r}; {suggestion(name, TRIGGERS)}")
        return name

    @field_validator("time_format")
    @classmethod
    def _reads_a_day(cls, form: str | None) -> str | None:
        read = None if form is None else written(A_LATE_DAY.strftime(form), form)
        if form is not None and (read is None or read.date() != A_LATE_DAY.date()):
            raise ValueError("is no format of a time with its day, such as '%d/%m/%Y %H:%M'")
        return form

    @property
    def readable_headers(self) -> tuple[str, ...]:
        """Those that flows can read: the declared ones, and the one that tells the types apart."""
        place = self.event_type
        told = [place.header] if isinstance(place, HeaderForm) else []
        return tuple(dict.fromkeys((*self.headers, *told)))

    @property
    def shaped(self) -> bool:
        """Whether it brings its own shape."""
        return any(part is not None for part in (self.json_schema, self.schema_file, self.example, self.example_file))

    @property
    def several(self) -> bool:
        """Whether one body can carry several events."""
        return self.items is not None or self.platform is not None

    @model_validator(mode="after")
    def _tells_repeats(self) -> Self:
        if self.schedule is not None and self.deduplicate is not None:
            raise ValueError("deduplicate: each time of a schedule has an id of its own, so that nothing is to be told")
        if self.schedule is not None and self.same_id == "new":
            raise ValueError("same_id: each time of a schedule has an id of its own, and no content")
        if self.poll is not None and self.deduplicate is not None and self.deduplicate.repeats_within is not None:
            raise ValueError("repeats_within belongs to a source that sends; a poll asks again by itself")
        return self

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
        sets_aside = self.on_mismatch != "refuse"
        own = (
            self.id,
            self.time,
            self.time_format,
            self.subject,
            self.headers,
            self.query,
            self.event_type,
            self.leave_out,
            sets_aside,
        )
        if not self.shaped and any(own):
            raise ValueError(f"{BESIDE_SHAPE} belong to a source with a schema or an example")
        if self.time_format is not None and not self.time:
            raise ValueError("time_format: needs time, which says where the time stands")
        if self.types and self.event_type is None:
            raise ValueError("types: needs type, which says where the type of an event stands")
        incoming = self.schedule is None and self.poll is None
        if incoming and self.token is None and self.authentication is None:
            raise ValueError("nobody proves anything: give it a token, or authentication, or both")
        if self.authentication is not None and self.authentication.needs_token and self.token is None:
            raise ValueError(f"{self.authentication.needs_token}; give the source a token too")
        if not incoming and (self.token or self.authentication or self.verify_token):
            raise ValueError("token and authentication are for what comes in; nothing is sent to this source")
        requested = (self.handshakes, self.answer, self.from_query, self.headers, self.query, self.types, self.origins)
        if not incoming and (any(requested) or self.items is not None or self.leave_out):
            raise ValueError(f"{OF_REQUESTS} are for what comes in; nothing is sent to this source")
        if self.items is not None and self.platform is not None:
            raise ValueError("items: a platform knows where its events stand")
        return self


class SourcesFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    sources: dict[Name, SourceEntry]
