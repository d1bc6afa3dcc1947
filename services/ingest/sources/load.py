"""The sources file: who may send what, and how they prove it; schedules; who is asked. docs/sources.md has it all.

    sources:
      whatsapp:
        trigger: closum.whatsapp.message_received
        token: { env: HOOK_TOKEN_WHATSAPP }     # or { file: PATH }
      shop:                                     # the trigger webhook.shop
        example: { id: 7, customer: { email: a@b.pt } }
        id: /id
        subject: /customer/email
        authentication: { preset: github, secret: { env: SHOP_SECRET } }

Read once at the start: a changed file or secret needs a restart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.triggers.payload import Payload
from contracts.triggers.registry import TRIGGERS
from services.closum.facts import NOTHING, Facts, beside
from services.closum.facts import load as load_facts
from services.flows.declared_triggers import DeclarationError, Places, declared, scheduled
from services.flows.schema_from_example import example_of, schema_of
from services.ingest.auth.scheme import AuthScheme
from services.ingest.readers.items import Items
from services.ingest.readers.reader import Reader
from services.ingest.readers.request_parts import HEADERS, QUERY, RequestParts, with_parts
from services.ingest.readers.single_payload import SinglePayload
from services.ingest.readers.typed import Typed
from services.ingest.readers.whatsapp_cloud import WhatsAppCloud
from services.ingest.sources import document
from services.ingest.sources.auth_schemes import proof_of
from services.ingest.sources.body_forms import AnswerForm, HeaderForm
from services.ingest.sources.document import SourcesError
from services.ingest.sources.file_form import LARGEST_BODY, SourceEntry, SourcesFile, TogetherForm
from services.ingest.sources.form_parts import StrictForm
from services.ingest.sources.hook import Answer, Handshakes, Hook, Hooks
from services.ingest.sources.schedules_and_polls import Poll, Schedule
from services.ingest.sources.secret import token
from services.runtime.documents import json_file
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.secrets import SecretError
from services.runtime.documents.yaml_file import YamlFile

KINDS = ("webhook", "poll", "schedule")


@dataclass(frozen=True)
class Sources:
    """All sources of a file, by what they are."""

    hooks: Hooks = field(default_factory=Hooks)
    schedules: tuple[Schedule, ...] = ()
    polls: tuple[Poll, ...] = ()
    triggers: Mapping[str, type[Payload]] = field(default_factory=lambda: dict(TRIGGERS))


@dataclass(frozen=True)
class Declarations:
    """What sources files declare, and all that is wrong with them. `unsure`: the triggers of sources that are wrong.

    `whole`: whether every file could be read, so that nothing can be declared but what is here.
    """

    triggers: Mapping[str, type[Payload]]
    faults: tuple[Fault, ...]
    unsure: frozenset[str]
    whole: bool


def load(path: Path, environ: Mapping[str, str] | None = None, facts: Facts | None = None) -> Sources:
    """Read and check a sources file, or all *.yaml of a folder. Raises SourcesError with every fault at once.

    `facts`: of Closum; absent: those of the closum.yaml beside it. Raises FactsError.
    """
    values = os.environ if environ is None else environ
    known = load_facts(beside(path, values)) if facts is None else facts
    loaded = [_Loaded(file, known) for file in _files(path)]
    faults = [fault for each in loaded for fault in each.check(values)]
    faults += _twice(loaded)
    if faults:
        raise SourcesError(faults)
    return Sources(
        Hooks(hook for each in loaded for hook in each.hooks),
        tuple(schedule for each in loaded for schedule in each.schedules),
        tuple(poll for each in loaded for poll in each.polls),
        {**TRIGGERS, **{name: model for each in loaded for name, model in each.triggers.items()}},
    )


def declarations(*paths: Path) -> Declarations:
    """What sources files, or folders of them, declare together. No secret is read. Never raises."""
    loaded: list[_Loaded] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            loaded += map(_Loaded, _files(path))
        except SourcesError as error:
            faults += error.faults
    whole = not faults and all(each.read for each in loaded)
    faults += [fault for each in loaded for fault in (*each.faults, *each.declare())] + _twice(loaded)
    triggers = {name: model for each in loaded for name, model in each.triggers.items()}
    unsure = frozenset(f"{kind}.{name}" for each in loaded for name in each.wrong for kind in KINDS)
    return Declarations(triggers, tuple(faults), unsure, whole=whole)


def declared_triggers(path: Path) -> dict[str, type[Payload]]:
    """The triggers that a sources file, or a folder of them, declares. No secret is read. Raises SourcesError."""
    found = declarations(path)
    if found.faults:
        raise SourcesError(found.faults)
    return dict(found.triggers)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"})
    if not files:
        text = "there is no sources file (*.yaml) in this folder"
        raise SourcesError([Fault(str(path), 1, 1, FaultCode.FILE_UNREADABLE, text)])
    return files


def _twice(loaded: list[_Loaded]) -> list[Fault]:
    seen: dict[str, Path] = {}
    faults = []
    for each in loaded:
        for name in each.entries:
            if name in seen:
                text = f"sources.{name}: stands in {seen[name]} already"
                faults.append(each.fault((name,), FaultCode.KEY_DUPLICATE, text))
            seen.setdefault(name, each.path)
    return faults


class _Loaded:
    """One file on its way."""

    def __init__(self, path: Path, facts: Facts = NOTHING) -> None:
        self.path = path
        self.facts = facts
        self.document = YamlFile(None)
        self.read = True
        self.faults: list[Fault] = []
        self.wrong: set[str] = set()
        self.entries: dict[str, SourceEntry] = {}
        self.triggers: dict[str, type[Payload]] = {}
        self.hooks: list[Hook] = []
        self.schedules: list[Schedule] = []
        self.polls: list[Poll] = []
        try:
            self.document = document.read(path)
            self.entries = SourcesFile.model_validate(self.document.content()).sources
        except SourcesError as error:
            self.faults = list(error.faults)
            self.read = False
        except ValidationError as error:
            self.faults = document.faults_of(path, self.document, error, {"sources", *document.words(StrictForm)})
            self._keep_the_right_ones()

    def _keep_the_right_ones(self) -> None:
        """The entries of a file in which others are wrong."""
        whole = self.document.content()
        written = whole.get("sources") if isinstance(whole, dict) else None
        self.read = isinstance(written, dict)
        for name, entry in written.items() if isinstance(written, dict) else ():
            try:
                self.entries |= SourcesFile.model_validate({"sources": {name: entry}}).sources
            except ValidationError:
                self.wrong.add(str(name))

    def fault(self, where: tuple[str, ...], code: FaultCode, text: str) -> Fault:
        """At a place below `sources`."""
        return Fault(str(self.path), *self.document.location(("sources", *where)), code, text)

    def check(self, environ: Mapping[str, str]) -> list[Fault]:
        """Make everything; the faults."""
        faults = [*self.faults, *self.declare()]
        for name, entry in self.entries.items():
            model = self.triggers.get(_trigger(name, entry))
            for field_name, made in self._parts(name, entry, model, environ).items():
                if isinstance(made, SecretError):
                    text = f"sources.{name}.{field_name}: {made}"
                    faults.append(self.fault((name, field_name), FaultCode.VALUE_INVALID, text))
        return faults

    def declare(self) -> list[Fault]:
        """Make the declared triggers; the faults."""
        faults = []
        for name, entry in self.entries.items():
            trigger = _trigger(name, entry)
            try:
                if entry.schedule is not None:
                    self.triggers[trigger] = scheduled(trigger, {"schedule": name})
                elif entry.shaped:
                    self.triggers |= self._shapes(trigger, entry)
            except (DeclarationError, OSError, ValueError) as error:
                told = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
                text = f"sources.{name}: the schema or example {told}"
                self.wrong.add(name)
                faults.append(self.fault((name,), FaultCode.VALUE_INVALID, text))
        return faults

    def _shapes(self, trigger: str, entry: SourceEntry) -> dict[str, type[Payload]]:
        """The source's own trigger, and one of each of its types."""
        schema, example = self._shape(entry)
        found = {trigger: _declared(trigger, entry, schema, example)}
        for name, one in entry.types.items():
            own = one.json_schema if one.json_schema is not None else one.example and schema_of(one.example)
            shape, shown = (own, one.example) if own else (schema, one.example or example)
            found[f"{trigger}.{name}"] = _declared(f"{trigger}.{name}", entry, shape, shown)
        return found

    def _shape(self, entry: SourceEntry) -> tuple[Any, Any]:
        example: Any = entry.example
        if entry.example_file is not None:
            example = json_file.read(self.path.resolve().parent / entry.example_file)
        schema: Any = entry.json_schema
        if entry.schema_file is not None:
            schema = json_file.read(self.path.resolve().parent / entry.schema_file)
        return (schema_of(example) if schema is None else schema), example

    def _proof(self, entry: SourceEntry, environ: Mapping[str, str]) -> AuthScheme | None:
        if entry.authentication is None:
            return None
        return proof_of(entry.authentication, environ, self.path.resolve().parent)

    def _parts(
        self, name: str, entry: SourceEntry, model: type[Payload] | None, environ: Mapping[str, str]
    ) -> dict[str, object]:
        """Each field that holds secrets, read; a SecretError where that failed."""
        made: dict[str, Any] = {}

        def tried(field_name: str, read: Any) -> None:  # noqa: ANN401 - a function of no arguments
            try:
                made[field_name] = read()
            except SecretError as error:
                made[field_name] = error

        tried("token", lambda: tuple(token(place, environ) for place in entry.token or ()))
        tried("authentication", lambda: self._proof(entry, environ))
        tried("verify_token", lambda: tuple(place.read(environ).encode() for place in entry.verify_token or ()))
        tried("poll", lambda: _asking(entry, environ))
        if any(isinstance(part, SecretError) for part in made.values()):
            return made
        if entry.schedule is not None and model is not None:
            form = entry.schedule
            self.schedules.append(
                Schedule(name, model, entry.account, form.cron, form.every, form.time_zone, form.missed)
            )
        elif entry.poll is not None and model is not None:
            headers, query = made["poll"]
            ask = entry.poll
            asked = (str(ask.url), ask.every, ask.items, ask.cursor, headers, query)
            self.polls.append(Poll(name, model, entry.account, *asked, _duplicate_seconds(entry), _is_new(entry)))
        elif model is not None or not entry.shaped:
            self.hooks.append(_hook(name, entry, _reader(entry, model, self.triggers, self.facts), made))
        return made


def _declared(trigger: str, entry: SourceEntry, schema: Any, example: Any) -> type[Payload]:  # noqa: ANN401 - any JSON value
    """Raises DeclarationError."""
    if isinstance(schema, dict):
        taken = {HEADERS: entry.readable_headers, QUERY: entry.query}
        twice = [name for name, parts in taken.items() if parts and name in schema.get("properties", {})]
        if twice:
            raise DeclarationError(f"has a field {twice[0]!r} itself, and {twice[0]}: would hide it")
        schema = with_parts(schema, entry.readable_headers, entry.query)
    if not example:
        made = example_of(schema)
        example = made if isinstance(made, dict) else {}
    return declared(trigger, schema, _places(entry), example, sets_aside=entry.on_mismatch == "raw")


def _places(entry: SourceEntry) -> Places:
    pointers: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    if isinstance(entry.id, TogetherForm):
        together = tuple(entry.id.all)
    elif not isinstance(entry.id, HeaderForm):
        pointers = tuple(entry.id)
    return Places(pointers, tuple(entry.time), tuple(entry.subject), together, entry.time_format)


def _trigger(name: str, entry: SourceEntry) -> str:
    kind = "schedule" if entry.schedule else "poll" if entry.poll else "webhook"
    return f"{kind}.{name}"


def _duplicate_seconds(entry: SourceEntry) -> int | None:
    return None if entry.deduplicate is None else entry.deduplicate.seconds


def _is_new(entry: SourceEntry) -> bool:
    return entry.same_id == "new"


def _reader(
    entry: SourceEntry, model: type[Payload] | None, triggers: Mapping[str, type[Payload]], facts: Facts
) -> Reader:
    if entry.platform is not None:
        return WhatsAppCloud()
    header = entry.id.header if isinstance(entry.id, HeaderForm) else None
    trigger = model if model is not None else facts.trigger(TRIGGERS[entry.trigger or ""])
    reader: Reader = SinglePayload(trigger, header)
    if entry.types and entry.event_type is not None:
        by_value = {
            one.value: SinglePayload(triggers[f"{trigger.trigger}.{name}"], header) for name, one in entry.types.items()
        }
        place = entry.event_type
        told = place.header if isinstance(place, HeaderForm) else None
        reader = Typed(reader, by_value, header=told, pointers=[] if isinstance(place, HeaderForm) else place)
    if entry.readable_headers or entry.query or entry.leave_out:
        reader = RequestParts(reader, entry.readable_headers, tuple(entry.query), tuple(entry.leave_out))
    items = facts.items(trigger.trigger) if entry.items is None else entry.items
    return reader if items is None else Items(items, reader)


def _hook(name: str, entry: SourceEntry, reader: Reader, made: Mapping[str, Any]) -> Hook:
    return Hook(
        name,
        reader,
        made["token"],
        entry.account,
        proof=made["authentication"],
        refuse_replays=entry.authentication is not None and entry.authentication.replay == "refuse",
        verify_tokens=made["verify_token"],
        networks=tuple(entry.networks),
        origins=frozenset(origin.encode() for origin in entry.origins),
        proxies=tuple(entry.proxies),
        requests_per_second=entry.limits.requests_per_second,
        body_bytes=entry.limits.body_bytes or (LARGEST_BODY if entry.several else None),
        duplicate_seconds=_duplicate_seconds(entry),
        repeat_seconds=None if entry.deduplicate is None else entry.deduplicate.repeat_seconds,
        same_id_is_new=_is_new(entry),
        handshakes=_handshakes(entry),
        answer=None if entry.answer is None else _answer(entry.answer),
        from_query=entry.from_query,
        hides=bool(entry.leave_out),
    )


def _handshakes(entry: SourceEntry) -> Handshakes:
    forms = entry.handshakes
    return Handshakes(
        checks=any(form.checks for form in forms),
        queries=tuple(form.echo_query for form in forms if form.echo_query),
        headers=tuple(form.echo_header for form in forms if form.echo_header),
        fields=tuple(form.echo_field for form in forms if form.echo_field),
        pings=tuple(frozenset(form.ping) for form in forms if form.ping),
    )


def _answer(form: AnswerForm) -> Answer:
    return Answer(form.status, form.body.encode(), form.content_type.encode() if form.body else None)


def _asking(entry: SourceEntry, environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query parameters with which a poll proves itself."""
    form = entry.poll.authentication if entry.poll else None
    if form is None:
        return {}, {}
    secret = (form.bearer or form.secret or [])[0].read(environ)
    if form.bearer:
        return {"Authorization": f"Bearer {secret}"}, {}
    return ({form.header: secret}, {}) if form.header else ({}, {form.query or "": secret})
