"""Requests of ours, signed: HMAC over what the connections file says, with the words that a sources file has for it.

Standard Webhooks 1.0.0 is one row of it: `webhook-id` is the effect's id, the same on every repetition.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from services.actions.world import REAL, World

PART = re.compile(r"\{([a-z]+)\}")
PARTS = ("id", "timestamp", "method", "url", "body")
Algorithm = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]
Unit = Literal["s", "ms", "iso8601"]


@dataclass(frozen=True, slots=True)
class RequestSigning:
    """How requests are signed. `signs`: a text with `{PARTS}`. A header without a name is not sent."""

    secret: bytes = field(repr=False)
    header: str
    algorithm: Algorithm = "sha256"
    encoding: Encoding = "hex"
    prefix: str = ""
    signs: str = "{body}"
    timestamp_header: str = ""
    timestamp_unit: Unit = "s"
    id_header: str = ""
    world: World = REAL

    @property
    def names(self) -> tuple[str, ...]:
        """The headers that are its own."""
        return tuple(name for name in (self.header, self.timestamp_header, self.id_header) if name)

    def headers(self, method: str, url: str, effect_id: str, body: bytes) -> dict[str, str]:
        """What a request that leaves now takes along."""
        stamp = self._stamp(self.world.wall())
        parts = {"id": effect_id, "timestamp": stamp, "method": method, "url": url}
        signed = b"".join(
            body if name == "body" else parts.get(name, "").encode() if index % 2 else name.encode()
            for index, name in enumerate(PART.split(self.signs))
        )
        digest = hmac.new(self.secret, signed, getattr(hashlib, self.algorithm)).digest()
        shown = digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()
        values = ((self.header, self.prefix + shown), (self.timestamp_header, stamp), (self.id_header, effect_id))
        return {name: value for name, value in values if name}

    def _stamp(self, now: float) -> str:
        if self.timestamp_unit == "iso8601":
            return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return str(int(now * 1000) if self.timestamp_unit == "ms" else int(now))


def standard_webhooks(secret: str) -> RequestSigning:
    """As https://www.standardwebhooks.com says. Raises ValueError for a secret that is not its base64."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a secret of Standard Webhooks is base64, mostly behind `whsec_`") from None
    return RequestSigning(
        key,
        "webhook-signature",
        encoding="base64",
        prefix="v1,",
        signs="{id}.{timestamp}.{body}",
        timestamp_header="webhook-timestamp",
        id_header="webhook-id",
    )
