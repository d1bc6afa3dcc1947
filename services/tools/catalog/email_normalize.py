"""email.normalize: one form of an address, so that the same person is the same text (email-validator; no network)."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Email


class Inputs(BaseInputs):
    """What it takes."""

    email: str = Field(max_length=1000, description="as typed; spaces around it and `mailto:` are dropped")
    remove_tag: bool = Field(default=False, description="true: ana+news@x.pt becomes ana@x.pt")
    gmail_dots: bool = Field(
        default=False, description="true: dots before @gmail.com are dropped, as Gmail itself does"
    )


class Outputs(BaseModel):
    """What it gives. The texts are empty when the address is not valid; then `reason` says why."""

    valid: bool = Field(description="whether the address is well formed; not whether its mailbox exists")
    email: Email = Field(default="", description="trimmed, in lower case, in one Unicode form")
    domain: str = Field(default="", description="what stands behind the @")
    reason: str = Field(default="", description="why it is not valid")


GMAIL = ("gmail.com", "googlemail.com")


@tool(
    "email.normalize",
    group=Group.VALIDATE,
    examples=[
        Example(
            "capitals and spaces",
            {"email": "  Ana.Sousa@Example.PT "},
            {"valid": True, "email": "ana.sousa@example.pt", "domain": "example.pt"},
        ),
        Example("a tag that is not wanted", {"email": "ana+ad@x.pt", "remove_tag": True}, {"email": "ana@x.pt"}),
        Example("no address", {"email": "ana(at)x.pt"}, {"valid": False, "email": ""}),
    ],
)
async def email_normalize(inputs: Inputs) -> Outputs:
    """Bring an e-mail address into one form, so that the same person is the same text."""
    text = inputs.email.strip()
    if text[:7].lower() == "mailto:":
        text = text[7:]
    try:
        found = validate_email(text, check_deliverability=False)
        local, domain = found.local_part.lower(), found.domain.lower()
        if inputs.remove_tag:
            local = local.split("+")[0] or local
        if inputs.gmail_dots and domain in GMAIL:
            local = local.replace(".", "")
        changed = f"{local}@{domain}"
        if changed != found.normalized:
            # Lower case can change a text's length in Unicode, so what comes out is proved again.
            found = validate_email(changed, check_deliverability=False)
    except EmailNotValidError as error:
        return Outputs(valid=False, reason=str(error))
    return Outputs(valid=True, email=found.normalized, domain=found.domain)
