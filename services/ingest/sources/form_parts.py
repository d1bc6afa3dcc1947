"""What the forms of the sources file are made of."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict


class StrictForm(BaseModel):
    """A mapping of the file: no field but these."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _pointer(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is no JSON pointer: write it as /order/id")
    return text


Pointer = Annotated[str, AfterValidator(_pointer)]
Pointers = Annotated[list[Pointer], BeforeValidator(_listed)]
"""One pointer, or several of which the first that finds something counts."""

WRITTEN_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
DEFAULT_PORTS = {"http": "80", "https": "443"}
LARGEST_PORT = 65_535


def _origin(text: str) -> str:
    found = WRITTEN_ORIGIN.fullmatch(text)
    if found is not None and not _port_is_wrong(found[1], found[3]):
        return text
    meant = WRITTEN_ORIGIN.match(text.lower())
    shown = "https://www.example.com"
    if meant is not None and text[meant.end() :][:1] in {"", "/"}:
        usual = meant[3] is None or _port_is_wrong(meant[1], meant[3])
        shown = f"{meant[1]}://{meant[2]}" + ("" if usual else f":{meant[3]}")
    raise ValueError(
        f"is no origin as browsers write it, such as {shown}: scheme, host in ASCII and small letters, and a port "
        "unless it is the scheme's own. Each stands for itself, and none for all"
    )


def _port_is_wrong(scheme: str, port: str | None) -> bool:
    """Whether no browser writes this port."""
    return port is not None and (port == DEFAULT_PORTS[scheme] or port.startswith("0") or int(port) > LARGEST_PORT)


Origin = Annotated[str, AfterValidator(_origin)]
"""Where a web page comes from: https://datatracker.ietf.org/doc/html/rfc6454#section-6.2."""
