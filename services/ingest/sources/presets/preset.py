"""What is declared of a platform, once: its source, examples, row in docs/sources.md and tests follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.flows.tolerant_schema import tolerant_schema
from services.runtime.documents.evidence import READ, Evidence, Evidenced, Known, assumed, confirmed, inferred, named

__all__ = [
    "FORM",
    "JSON",
    "PARTS",
    "READ",
    "SECRET",
    "TOKEN",
    "VERIFY",
    "XML",
    "Evidence",
    "Known",
    "Preset",
    "Sample",
    "assumed",
    "confirmed",
    "inferred",
]

JSON, FORM, XML = "application/json", "application/x-www-form-urlencoded", "text/xml; charset=UTF-8"
PARTS = ("proof", "id", "time", "type", "retries", "answer", "handshakes")
TOKEN, SECRET, VERIFY = ({"env": f"HOOK_{kind}_{{NAME}}"} for kind in ("TOKEN", "SECRET", "VERIFY"))
"""Where the values stand that a person brings: in the environment, under the source's name."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A request as the platform makes it, with invented persons. `body`: the JSON value, or the text of a form or XML.

    `events`: what flows see of it, where that is not the body.
    """

    what: str
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON
    events: Sequence[Mapping[str, Any]] | None = None

    @property
    def seen(self) -> Sequence[Mapping[str, Any]]:
        """The bodies of its events."""
        return [self.body] if self.events is None else self.events


@dataclass(frozen=True, slots=True)
class Preset(Evidenced):
    """One platform.

    `entry` is the source as the sources file has it, without its shape, which is made of what the samples hold: nothing
    is required but `required`, and below `free` any value is taken. `setup` says what a person does at the platform,
    `retries` and `accepts` what the platform does with our answer.
    """

    name: str
    title: str
    setup: str
    entry: Mapping[str, Any]
    retries: str
    accepts: str
    samples: Sequence[Sample]
    evidence: Sequence[Evidence]
    required: tuple[str, ...] = ()
    free: tuple[str, ...] = ()

    def source(self, name: str) -> dict[str, Any]:
        """The entry of a source of this name, whole."""
        made: dict[str, Any] = {}
        if not {"platform", "trigger"} & self.entry.keys():
            bodies = [body for sample in self.samples for body in sample.seen]
            made = {
                "schema": tolerant_schema(bodies, self.required, self.free),
                "example": dict(bodies[0]),
                "on_mismatch": "raw",
            }
        return {**made, **named(dict(self.entry), name.upper().replace("-", "_"))}

    @property
    def proof(self) -> str:
        """In words: how its sender proves itself."""
        ways = []
        authentication = self.entry.get("authentication", {})
        if "signature" in authentication:
            ways.append(f"`{authentication['signature']['header']}`")
        elif authentication:
            ways.append(f"`{next(iter(authentication))}: {authentication.get('preset', '…')}`")
        if "token" in self.entry:
            ways.append("token in the address")
        return ", ".join(ways)

    @property
    def handshake(self) -> str:
        """In words: how its platform makes sure of the address."""
        given = self.entry.get("authentication", {}).get("signature", {}).get("given_in")
        ways = [f"`{given}` gives the secret"] if given else []
        for one in self.entry.get("handshakes", ()):
            [(kind, what)] = one.items() if isinstance(one, Mapping) else [(one, "")]
            told = ", ".join(what) if isinstance(what, list) else what
            ways.append(f"`{kind}` {told}".strip())
        if "verify_token" in self.entry:
            ways.append("`hub.challenge`")
        return "; ".join(ways) or ("answered by itself" if "handshakes" in self.facts else "–")

    @property
    def time(self) -> str:
        """In words: where it says when something happened."""
        told = self.entry.get("time", "the platform's own" if "platform" in self.entry else "–")
        return told if isinstance(told, str) else " or ".join(told)

    @property
    def identity(self) -> str:
        """In words: what makes a redelivery a duplicate."""
        told = self.entry.get("id", "the platform's own" if "platform" in self.entry else "its content")
        if isinstance(told, dict):
            return " + ".join(told["all"]) if "all" in told else told["header"]
        return told if isinstance(told, str) else " or ".join(told)
