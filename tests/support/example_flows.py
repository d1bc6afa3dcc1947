"""The examples at work: their sources, what sets each off, and whom they call besides Closum."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from contracts.events import Event
from tests.support.flows_command import flows

EXAMPLES = Path(__file__).parents[2] / "examples"
HOOKS = {
    "whatsapp": "closum.whatsapp.message_received",
    "sms": "closum.sms.status_updated",
    "leads": "closum.lead.created",
    "closum": "closum.contact.updated",
    "stops": "closum.unsubscribed",
}
"""Where Closum's webhooks are sent to, by the trigger that each is of."""
TOKEN = "examples-0123456789abcdef"


def assert_examples_pass(folder: Path, environ: Mapping[str, str]) -> None:
    """`flows check` and `flows test` of all of them, under the closum.yaml of this folder."""
    for command in ("check", "test"):
        done = flows(command, str(EXAMPLES), cwd=folder, env=environ, seconds=60)
        assert done.returncode == 0, done.stdout + done.stderr


def made_flows(folder: Path) -> None:
    """All of them; what waits for hours, for working hours or for a day's end waits for a second here."""
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.test.yaml", "sources.yaml"))
    for file in folder.rglob("*.yaml"):
        text = file.read_text()
        short = re.sub(r"(?m)^(\s*- wait: )\{.*working_hours.*$", r"\g<1>1s", text)
        file.write_text(short.replace("within: 24h, count: 200", "within: 1s, count: 200"))


def made_sources(folder: Path) -> dict[str, str]:
    """Their sources and Closum's webhooks, but no schedule; the tokens, as an environment."""
    folder.mkdir()
    found: dict[str, Any] = {}
    for file in sorted(EXAMPLES.rglob("sources.yaml")):
        found |= yaml.safe_load(file.read_text())["sources"]
    found = {name: {**one, "token": {"env": "HOOK_TOKEN"}} for name, one in found.items() if "schedule" not in one}
    found |= {name: {"trigger": trigger, "token": {"env": "HOOK_TOKEN"}} for name, trigger in HOOKS.items()}
    (folder / "sources.yaml").write_text(yaml.safe_dump({"sources": found}))
    return {"HOOK_TOKEN": TOKEN}


@dataclass(frozen=True)
class Person:
    """Whom the events are about, by a number that nobody else in the same database has; and two leads of theirs."""

    number: int

    @property
    def lead(self) -> str:
        """Who is changed and told of."""
        return f"47{self.number}1"

    @property
    def stopped(self) -> str:
        """Who says stop."""
        return f"47{self.number}2"

    @property
    def phone(self) -> str:
        """As WhatsApp writes it."""
        return f"35191234{self.number:04d}"

    def email(self, name: str) -> str:
        """An address of a company."""
        return f"{name}{self.number}@acme.pt"

    def webhooks(self) -> list[tuple[str, dict[str, Any]]]:
        """What Closum tells, in the form that is assumed: source and body."""
        n = self.number
        said = {"from": self.phone, "contact": {"name": "Bia"}}
        return [
            ("whatsapp", {**said, "message_id": f"w-{n}-1", "text": "STOP"}),
            ("whatsapp", {**said, "message_id": f"w-{n}-2", "text": "Horário?"}),
            ("sms", {"message_id": f"s-{n}", "recipient": self.phone, "status": "failed", "error": "no such number"}),
            ("leads", {"lead_id": self.lead, "name": "Eva", "email": self.email("eva"), "mobile_number": self.phone}),
            (
                "closum",
                {
                    "event_id": f"c-{n}",
                    "contact_id": self.lead,
                    "mobile_number": self.phone,
                    "changes": {"name": {"before": "Bia", "after": "Beatriz"}},
                },
            ),
            ("stops", {"contact_id": self.lead, "mobile_number": self.phone, "email": self.email("bia")}),
        ]

    def others(self) -> list[tuple[str, dict[str, Any]]]:
        """What everybody else tells."""
        n, phone = self.number, self.phone
        form = {"name": "Rui Costa", "email": self.email("rui"), "phone": phone, "newsletter": True, "page": "feira"}
        platform = {"name": "ana LIMA", "email": self.email("ana"), "phone": phone, "country": "PT", "tags": ["x", "y"]}
        email = {"before": "a@acme.pt", "after": self.email("new")}
        return [
            ("form", {"id": f"f-{n}", **form}),
            ("platform", {"id": f"p-{n}", **platform}),
            ("cart", {"id": f"k-{n}", "customer_email": self.email("cart"), "total": 40.0}),
            ("purchase", {"id": f"b-{n}", "email": self.email("buy"), "phone": phone, "total": 40.0}),
            ("delivered", {"id": f"d-{n}", "phone": phone}),
            ("crm", {"event_id": f"e-{n}", "phone": f"+{phone}", "closum_id": self.lead, "changes": {"email": email}}),
        ]

    def schedules(self) -> list[Event]:
        """The moments that ingest makes events of."""
        now = datetime.now(UTC)
        return [
            Event(
                id=f"{name}-{self.number}",
                source="/schedules",
                type=f"schedule.{name}",
                subject=name,
                time=now,
                data={"at": now.isoformat(), "date": now.date().isoformat(), "run_id": f"{self.number}"},
            )
            for name in ("every-morning", "every-night")
        ]

    def reply(self) -> dict[str, Any]:
        """To the question how likely it is that Closum's user is recommended."""
        return {"from": self.phone, "message_id": f"w-{self.number}-3", "text": "10", "contact": {"name": "Bia"}}


@dataclass
class Others:
    """The CRM, Slack and a register of companies: whatever they are asked succeeds."""

    person: Person
    calls: Counter[str] = field(default_factory=Counter)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """One request."""
        self.calls[f"{request.method} {request.path}".replace(self.person.phone, "PHONE")] += 1
        email = self.person.email("stopped" if "phone" in request.query else "bia")
        people = [{"name": "Bia", "email": email, "consent_email": True}]
        return web.json_response({"contacts": people, "name": "Acme", "employees": 7})


SENT = Counter(
    {
        ("email", "welcome"): 1,
        ("email", "cart"): 1,
        ("email", "birthday"): 1,
        ("whatsapp", "welcome"): 2,
        ("whatsapp", "opening_hours"): 1,
        ("whatsapp", "sms_failed"): 1,
        ("whatsapp", "thank_you"): 1,
        ("whatsapp", "nps"): 1,
        ("whatsapp", "please_review"): 1,
    }
)
"""The messages that one round of all sends through Closum: channel and template."""
TOLD = Counter(
    {
        "POST /crm/contacts": 7,
        "POST /crm/tasks": 1,
        "PUT /crm/contacts/PHONE/nps": 1,
        "GET /crm/contacts": 3,
        "GET /companies/companies/acme.pt": 1,
        "POST /slack/messages": 3,
    }
)
"""What everybody else is asked meanwhile: of contacts by three messages, a lead, a failed SMS, a change and a stop."""
