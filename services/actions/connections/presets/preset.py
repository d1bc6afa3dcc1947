"""What is declared of a platform's API, once: its connection, row in docs/connections.md and tests follow from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.runtime.documents.evidence import Evidence, Evidenced, named

ALWAYS = ("base_url", "authentication", "probe", "limits", "idempotency", "failure", "verify")
BY_STATUS = "by HTTP status alone"
NOTHING = "nothing"
NO_SEARCH = "it cannot be asked"
VARIABLE = "CONNECTION_{NAME}"
"""Where the secret stands that a person brings: in the environment, under the connection's name."""
PLACEHOLDER = re.compile(r"\bYOUR(?:-[A-Z]+)+\b")


@dataclass(frozen=True, slots=True)
class ConnectionPreset(Evidenced):
    """One platform.

    `entry` is the connection as the connections file has it; `YOUR-…` in it is what a person puts in. `setup` says what
    a person does at the platform. `limits`, `idempotency`, `failures` and `verify` say in words what it bears, honours,
    says of failures and can be asked. `creation`: the inputs of `http.request` that make something there, with `verify`
    where it can be asked whether it did.
    """

    name: str
    title: str
    setup: str
    entry: Mapping[str, Any]
    limits: str
    evidence: Sequence[Evidence]
    idempotency: str = NOTHING
    failures: str = BY_STATUS
    verify: str = NO_SEARCH
    creation: Mapping[str, Any] | None = None

    def connection(self, name: str) -> dict[str, Any]:
        """The entry of a connection of this name, whole."""
        made: dict[str, Any] = named(dict(self.entry), name.upper().replace("-", "_"))
        return made

    @property
    def parts(self) -> frozenset[str]:
        """What has to be known of it."""
        more = {name for name in ("headers",) if name in self.entry}
        if "oauth2" in self.entry["authentication"]:
            more.add("token_address")
        if "for" in self.entry.get("idempotency", {}):
            more.add("idempotency.for")
        return frozenset({*ALWAYS, *more})

    def told(self, part: str) -> str:
        """In words: what is known of a part."""
        words = {
            "authentication": self.form.replace("`", ""),
            "token_address": self.entry["authentication"].get("oauth2", ""),
            "limits": self.limits,
            "idempotency": self.idempotency,
            "idempotency.for": self.entry.get("idempotency", {}).get("for", ""),
            "failure": self.failures,
            "verify": self.verify,
            "probe": f"{self.entry['probe'].get('method', 'GET')} {self.entry['probe']['path']}",
            "headers": ", ".join(f"{name}: {value}" for name, value in self.entry.get("headers", {}).items()),
        }
        return words.get(part) or str(self.entry[part])

    @property
    def signs_in(self) -> bool:
        """Whether a person signs in, by `flows connections login`."""
        return bool(self.entry["authentication"].get("grant") == "refresh_token")

    @property
    def form(self) -> str:
        """In words: its credentials."""
        given = self.entry["authentication"]
        if "oauth2" in given:
            return f"`oauth2`, {given['grant']}"
        kind = next(iter(given))
        return f"`{kind}`" if kind in {"bearer", "basic"} else f"`{kind}: {given[kind]}`"

    @property
    def placeholders(self) -> list[str]:
        """What a person puts in."""
        return sorted({found for text in _texts(self.entry) for found in PLACEHOLDER.findall(text)})

    def variables(self, name: str) -> list[str]:
        """The environment variables that a connection of this name reads."""
        return sorted(set(_variables(self.connection(name))))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _variables(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(found := value.get("env"), str):
            yield found
        for inner in value.values():
            yield from _variables(inner)


def secret(kind: str) -> dict[str, str]:
    """Where a secret of this kind (TOKEN, SECRET, KEY) stands."""
    return {"env": f"{VARIABLE}_{kind}"}
