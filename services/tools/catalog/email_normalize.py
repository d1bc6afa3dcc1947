"""email.normalize: trims, lower-cases the domain, checks the syntax (email-validator; no network)."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, Field

from services.flows.catalogue import tool


class Inputs(BaseModel):
    """What it takes."""

    email: str = Field(max_length=1000)


class Outputs(BaseModel):
    """What it gives. `email` is empty when the address is not valid; then `reason` says why."""

    valid: bool
    email: str = ""
    domain: str = ""
    reason: str = ""


@tool("email.normalize")
async def email_normalize(inputs: Inputs) -> Outputs:
    """Bring an e-mail address into one form, so that the same person is the same text."""
    try:
        found = validate_email(inputs.email.strip(), check_deliverability=False)
    except EmailNotValidError as error:
        return Outputs(valid=False, reason=str(error))
    return Outputs(valid=True, email=found.normalized.lower(), domain=found.domain)
