"""email.normalize: one form of an address, so that the same person is the same text (email-validator; no network)."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.flows.refined import Email
from services.tools.toolkit import emails
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    email: Text = Field(
        description="as typed, also as mailto:ana@x.pt or Ana <ana@x.pt>",
        json_schema_extra={"reads": "email"},
    )
    remove_tag: bool = Field(default=False, description="true: ana+news@x.pt becomes ana@x.pt")
    gmail_dots: bool = Field(
        default=False, description="true: dots before @gmail.com are dropped, as Gmail itself does"
    )


class Outputs(BaseModel):
    """What it gives. The texts are empty when the address is not valid; then `reason` says why."""

    valid: bool = Field(description="whether the address is well formed; not whether its mailbox exists")
    email: Email = Field(
        default="",
        description="trimmed, in lower case, in one Unicode form; @googlemail.com is @gmail.com",
        json_schema_extra={"given_when": "valid"},
    )
    domain: str = Field(
        max_length=255, default="", description="what stands behind the @", json_schema_extra={"given_when": "valid"}
    )
    reason: str = Field(default="", description="why it is not valid")


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
    found = emails.read(inputs.email)
    if isinstance(found, str):
        return Outputs(valid=False, reason=found)
    local = found.name if inputs.remove_tag else found.local
    if inputs.gmail_dots and found.domain == emails.GMAIL:
        local = local.replace(".", "")
    # Without its dots or its tag a name can be none.
    changed = emails.read(f"{local}@{found.domain}")
    if isinstance(changed, str):
        return Outputs(valid=False, reason=changed)
    return Outputs(valid=True, email=f"{changed.local}@{changed.domain}", domain=changed.domain)
