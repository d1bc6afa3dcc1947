"""hash: a text's fingerprint, normalized as advertising platforms want it (hashlib)."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from typing import Literal

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit.size_bounds import Text

Algorithm = Literal["sha256", "sha512", "sha1", "md5", "blake2b"]
Normalize = Literal["none", "trim_lower", "digits"]


class Inputs(BaseInputs):
    """What it takes."""

    text: Text = Field(description="what is hashed, as UTF-8")
    algorithm: Algorithm = Field(default="sha256", description="sha1 and md5 only for those who still demand them")
    normalize: Normalize = Field(
        default="none", description="before: trim_lower for e-mail and names, digits for phones, none: as it is"
    )
    encoding: Literal["hex", "base64"] = Field(default="hex", description="how the fingerprint is written")


class Outputs(BaseModel):
    """What it gives."""

    hash: str = Field(description="the fingerprint; empty text has one too")
    text: str = Field(description="what was hashed, after normalization")


@tool(
    "hash",
    group=Group.FORMAT,
    examples=[
        Example(
            "an e-mail address for an advertising platform",
            {"text": " Ana@X.pt", "normalize": "trim_lower"},
            {"text": "ana@x.pt", "hash": "b51c1d5a70e137d46bd57e74806273f947bb3c3bd7e8187e577b4b8fa15fdead"},
        ),
        Example(
            "a phone",
            {"text": "+351 912 345 678", "normalize": "digits", "algorithm": "md5"},
            {"text": "351912345678"},
        ),
    ],
)
async def hash_text(inputs: Inputs) -> Outputs:
    """Make the SHA-256 (or another hash) of a text, normalized first when wanted."""
    text = inputs.text
    if inputs.normalize == "trim_lower":
        text = unicodedata.normalize("NFC", text.strip().lower())
    elif inputs.normalize == "digits":
        text = "".join(character for character in text if character in "0123456789")
    digest = hashlib.new(inputs.algorithm, text.encode(), usedforsecurity=False).digest()
    return Outputs(hash=digest.hex() if inputs.encoding == "hex" else base64.b64encode(digest).decode(), text=text)
