"""email.validate: is it an address, and of what kind? By email-validator, without network."""

from __future__ import annotations

from pydantic import BaseModel, Field

from services.flows.catalogue import BaseInputs, Example, Group, tool
from services.tools.toolkit import emails
from services.tools.toolkit.size_bounds import Text


class Inputs(BaseInputs):
    """What it takes."""

    email: Text = Field(description="the address, as email.normalize reads it", json_schema_extra={"reads": "email"})
    allow_free: bool = Field(default=True, description="false: addresses of free providers (gmail.com …) are not valid")
    allow_role: bool = Field(default=True, description="false: addresses of a role (info@, noreply@ …) are not valid")
    domains: list[str] = Field(default_factory=list, max_length=1000, description="only these; empty: all domains")


class Outputs(BaseModel):
    """What it gives."""

    valid: bool = Field(description="whether the address is well formed and allowed; not whether its mailbox exists")
    domain: str = Field(max_length=255, default="", description="what stands behind the @; empty when it is no address")
    free: bool = Field(default=False, description="whether its domain is one of a list of free and disposable mail")
    role: bool = Field(default=False, description="whether it speaks of a role, not of a person")
    reason: str = Field(default="", description="why it is not valid")


@tool(
    "email.validate",
    group=Group.VALIDATE,
    examples=[
        Example("an address", {"email": "ana@closum.com"}, {"valid": True, "domain": "closum.com", "free": False}),
        Example(
            "a private one where a company's is wanted",
            {"email": "ana@gmail.com", "allow_free": False},
            {"valid": False, "free": True, "reason": "gmail.com is a free provider"},
        ),
        Example("no address", {"email": "ana@"}, {"valid": False}),
    ],
)
async def email_validate(inputs: Inputs) -> Outputs:
    """Tell whether an e-mail address is well formed, free, of a role, and of a wanted domain."""
    found = emails.read(inputs.email)
    if isinstance(found, str):
        return Outputs(valid=False, reason=found)
    domain = found.domain
    free, role = emails.is_free(domain), emails.is_role(found.name)
    reason = ""
    if free and not inputs.allow_free:
        reason = f"{domain} is a free provider"
    elif role and not inputs.allow_role:
        reason = f"{found.local}@ is a role, not a person"
    elif inputs.domains and domain not in {name.lower().lstrip("@") for name in inputs.domains}:
        reason = f"{domain} is not among the wanted domains"
    return Outputs(valid=not reason, domain=domain, free=free, role=role, reason=reason)
