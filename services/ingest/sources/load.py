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

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contracts.triggers.payload import Payload
from contracts.triggers.registry import TRIGGERS
from services.flows.declared import DeclarationError, Places, declared, scheduled
from services.flows.from_example import example_of, schema_of
from services.ingest.readers.one import One
from services.ingest.readers.reading import Reader
from services.ingest.readers.whatsapp_cloud import WhatsAppCloud
from services.ingest.sources import document
from services.ingest.sources.entry import Entry, File, HeaderPlace
from services.ingest.sources.hook import Hook, Hooks
from services.ingest.sources.proofs import proof_of
from services.ingest.sources.secret import TokenError
from services.ingest.sources.timed import Poll, Schedule
from services.runtime.settings import SettingsError


@dataclass(frozen=True)
class Sources:
    """All sources of a file, by what they are."""

    hooks: Hooks = field(default_factory=Hooks)
    schedules: tuple[Schedule, ...] = ()
    polls: tuple[Poll, ...] = ()
    triggers: Mapping[str, type[Payload]] = field(default_factory=lambda: dict(TRIGGERS))


def load(path: Path, environ: Mapping[str, str] | None = None) -> Sources:
    """Read and check a sources file, or all *.yaml of a folder. Raises SettingsError with every fault at once."""
    files = _files(path)
    loaded = [_Loaded(file) for file in files]
    values = os.environ if environ is None else environ
    faults = [fault for each in loaded for fault in each.check(values)]
    faults += _twice(loaded)
    if faults:
        raise SettingsError("\n".join(faults))
    return Sources(
        Hooks(hook for each in loaded for hook in each.hooks),
        tuple(schedule for each in loaded for schedule in each.schedules),
        tuple(poll for each in loaded for poll in each.polls),
        {**TRIGGERS, **{name: model for each in loaded for name, model in each.triggers.items()}},
    )


def declared_triggers(path: Path) -> dict[str, type[Payload]]:
    """The triggers that a sources file, or a folder of them, declares. No secret is read. Raises SettingsError."""
    loaded = [_Loaded(file) for file in _files(path)]
    faults = [fault for each in loaded for fault in (*each.faults, *each.declare())] + _twice(loaded)
    if faults:
        raise SettingsError("\n".join(faults))
    return {name: model for each in loaded for name, model in each.triggers.items()}


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"})
    if not files:
        raise SettingsError(f"FLOWS_SOURCES_FILE={str(path)!r}: there is no sources file (*.yaml) in this folder")
    return files


def _twice(loaded: list[_Loaded]) -> list[str]:
    seen: dict[str, Path] = {}
    faults = []
    for each in loaded:
        for name in each.entries:
            if name in seen:
                faults.append(f"{each.path}:{each.line(name)}: sources.{name}: stands in {seen[name]} already")
            seen.setdefault(name, each.path)
    return faults


class _Loaded:
    """One file on its way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.document = document.read(path)
        self.faults: list[str] = []
        self.entries: dict[str, Entry] = {}
        self.triggers: dict[str, type[Payload]] = {}
        self.hooks: list[Hook] = []
        self.schedules: list[Schedule] = []
        self.polls: list[Poll] = []
        try:
            self.entries = File.model_validate(document.plain(self.document)).sources
        except ValidationError as error:
            self.faults = document.told(path, self.document, error)

    def line(self, *where: str) -> int:
        return document.line(self.document, ("sources", *where))

    def check(self, environ: Mapping[str, str]) -> list[str]:
        """Make everything; the faults."""
        faults = [*self.faults, *self.declare()]
        for name, entry in self.entries.items():
            model = self.triggers.get(_trigger(name, entry))
            for field_name, made in self._parts(name, entry, model, environ).items():
                if isinstance(made, TokenError):
                    faults.append(f"{self.path}:{self.line(name, field_name)}: sources.{name}.{field_name}: {made}")
        return faults

    def declare(self) -> list[str]:
        """Make the declared triggers; the faults."""
        faults = []
        for name, entry in self.entries.items():
            trigger = _trigger(name, entry)
            try:
                if entry.schedule is not None:
                    self.triggers[trigger] = scheduled(trigger, {"schedule": name})
                elif entry.shaped:
                    self.triggers[trigger] = self._shape(trigger, entry)
            except (DeclarationError, OSError, ValueError) as error:
                text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
                faults.append(f"{self.path}:{self.line(name)}: sources.{name}: the schema or example {text}")
        return faults

    def _shape(self, trigger: str, entry: Entry) -> type[Payload]:
        example: Any = entry.example
        if entry.example_file is not None:
            example = json.loads((self.path.resolve().parent / entry.example_file).read_text(encoding="utf-8"))
        schema: Any = entry.json_schema
        if entry.schema_file is not None:
            schema = json.loads((self.path.resolve().parent / entry.schema_file).read_text(encoding="utf-8"))
        if schema is None:
            schema = schema_of(example)
        identity = () if isinstance(entry.id, HeaderPlace) else tuple(entry.id)
        places = Places(identity, tuple(entry.time), tuple(entry.subject))
        if not example:
            made = example_of(schema)
            example = made if isinstance(made, dict) else {}
        return declared(trigger, schema, places, example)

    def _parts(
        self, name: str, entry: Entry, model: type[Payload] | None, environ: Mapping[str, str]
    ) -> dict[str, object]:
        """Each field that holds secrets, read; a TokenError where that failed."""
        made: dict[str, Any] = {}

        def tried(field_name: str, read: Any) -> None:  # noqa: ANN401 - a function of no arguments
            try:
                made[field_name] = read()
            except TokenError as error:
                made[field_name] = error

        tried("token", lambda: tuple(place.token(environ) for place in entry.token or ()))
        tried("authentication", lambda: proof_of(entry.authentication, environ) if entry.authentication else None)
        tried("verify_token", lambda: tuple(place.read(environ) for place in entry.verify_token or ()))
        tried("poll", lambda: _asking(entry, environ))
        if any(isinstance(part, TokenError) for part in made.values()):
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
            self.polls.append(Poll(name, model, entry.account, *asked, _duplicate_seconds(entry)))
        elif model is not None or not entry.shaped:
            self.hooks.append(_hook(name, entry, model, made))
        return made


def _trigger(name: str, entry: Entry) -> str:
    kind = "schedule" if entry.schedule else "poll" if entry.poll else "webhook"
    return f"{kind}.{name}"


def _duplicate_seconds(entry: Entry) -> int | None:
    return None if entry.deduplicate is None else entry.deduplicate.seconds


def _hook(name: str, entry: Entry, model: type[Payload] | None, made: Mapping[str, Any]) -> Hook:
    reader: Reader
    if entry.platform is not None:
        reader = WhatsAppCloud()
    else:
        trigger = model if model is not None else TRIGGERS[entry.trigger or ""]
        reader = One(trigger, entry.id.header if isinstance(entry.id, HeaderPlace) else None)
    return Hook(
        name,
        reader,
        made["token"],
        entry.account,
        proof=made["authentication"],
        refuse_replays=entry.authentication is not None and entry.authentication.replay == "refuse",
        verify_tokens=made["verify_token"],
        networks=tuple(entry.networks),
        proxies=tuple(entry.proxies),
        requests_per_second=entry.limits.requests_per_second,
        body_bytes=entry.limits.body_bytes,
        duplicate_seconds=_duplicate_seconds(entry),
    )


def _asking(entry: Entry, environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and query parameters with which a poll proves itself."""
    form = entry.poll.authentication if entry.poll else None
    if form is None:
        return {}, {}
    secret = (form.bearer or form.secret or [])[0].read(environ).decode()
    if form.bearer:
        return {"Authorization": f"Bearer {secret}"}, {}
    return ({form.header: secret}, {}) if form.header else ({}, {form.query or "": secret})
