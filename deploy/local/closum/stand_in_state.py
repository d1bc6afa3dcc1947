"""What the stand-in remembers: the things made, and a ledger of every effect in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
REQUESTS_KEPT = 200_000
CREDITS = 10_000


@dataclass
class StandInState:
    """Everything that `/_state` shows. `effects` and `keys` are the ledger."""

    leads: dict[str, Json] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    sms: list[Json] = field(default_factory=list)
    whatsapp: list[Json] = field(default_factory=list)
    emails: list[Json] = field(default_factory=list)
    contacts: dict[str, Json] = field(default_factory=dict)
    credits: int = CREDITS
    # Each effect in the order in which it happened: {n, kind, subject, key, body}.
    effects: list[Json] = field(default_factory=list)
    # How often each Idempotency-Key came, and how many effects it had: {key: {requests, effects}}.
    keys: dict[str, dict[str, int]] = field(default_factory=dict)
    # Each request in its order, the oldest forgotten: {n, method, path, key, status, fault}, of the CRM with `query`.
    # `status` 0: no answer.
    requests: deque[Json] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    received: int = 0
    made: int = 1000
    by_phone: dict[str, str] = field(default_factory=dict)  # CRM: phone → contact's id
    lead_by_mobile: dict[str, str] = field(default_factory=dict)
    lead_by_email: dict[str, str] = field(default_factory=dict)
    # CRM: what each Idempotency-Key asked for and was answered.
    answers: dict[str, tuple[bytes, int, Json]] = field(default_factory=dict)
    # Told of every write: system, record, what the record was, the fields that were written.
    tell: Callable[[str, Json, Json, Json], None] = lambda *_: None

    def effect(self, kind: str, subject: str, key: str | None, body: Json) -> None:
        """Note that something really happened."""
        self.effects.append({"n": len(self.effects) + 1, "kind": kind, "subject": subject, "key": key, "body": body})
        if key:
            self.keys[key]["effects"] += 1

    def number(self) -> str:
        """A new id."""
        self.made += 1
        return str(self.made)

    def asked(self, key: str | None) -> None:
        """Note that a request came, whatever becomes of it."""
        self.received += 1
        if key:
            self.keys.setdefault(key, {"requests": 0, "effects": 0})["requests"] += 1

    def parts(self) -> Json:
        """What `/_state` shows, by part."""
        return {
            "leads": list(self.leads.values()),
            "tags": [{"tag_id": number, "name": name} for name, number in self.tags.items()],
            "sms": self.sms,
            "whatsapp": self.whatsapp,
            "emails": self.emails,
            "contacts": list(self.contacts.values()),
            "credits": self.credits,
            "effects": self.effects,
            "keys": self.keys,
            "requests": list(self.requests),
            "received": self.received,
        }
