"""The base of every message: frozen; unknown fields are kept out of our own messages, so that a typo cannot hide."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A message between our own services. Unknown fields are ignored: an older reader meets a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")

    def to_bytes(self) -> bytes:
        """UTF-8 JSON; absent optionals are left out."""
        return self.model_dump_json(exclude_none=True).encode()
