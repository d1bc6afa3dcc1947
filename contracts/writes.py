"""What actions set and make in the systems that they call: by this, what we caused ourselves is recognised.

A row an action. `http.request` can set anything: there the flow says it, with `writes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LEAD = (
    "name",
    "email",
    "mobile_number",
    "consent_email",
    "consent_sms",
    "contact_lifecycle_stage_id",
    "tags",
    "birth_date",
)
NESTED = ("custom_fields", "custom_data")
TAG = {"tags": "tag"}


@dataclass(frozen=True, slots=True)
class Sets:
    """One action: the system, which inputs name the entity, which are fields, which hold more fields.

    `adds`, `removes`: field whose value is a list → the input that is one of its members. `makes`: the trigger by which
    the system tells that the entity is new, where the call can make it; `made`: the output that is its id then.
    """

    system: str
    entity: Mapping[str, str]
    fields: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    adds: Mapping[str, str] = field(default_factory=dict)
    removes: Mapping[str, str] = field(default_factory=dict)
    makes: str | None = None
    made: str = ""


SETS: Mapping[str, Sets] = {
    "closum.lead.add": Sets(
        "closum",
        {"email": "email", "phone": "mobile_number"},
        LEAD,
        NESTED,
        makes="closum.lead.created",
        made="lead_id",
    ),
    "closum.lead.update": Sets("closum", {"id": "lead_id", "email": "email", "phone": "mobile_number"}, LEAD, NESTED),
    "closum.lead.edit_by_email": Sets("closum", {"email": "email", "phone": "mobile_number"}, LEAD, NESTED),
    "closum.contact.add_tag": Sets("closum", {"id": "contact_id"}, adds=TAG),
    "closum.contact.add_tag_by_email": Sets("closum", {"email": "email"}, adds=TAG),
    "closum.contact.remove_tag": Sets("closum", {"id": "contact_id"}, removes=TAG),
    "closum.contact.remove_tag_by_email": Sets("closum", {"email": "email"}, removes=TAG),
}
"""By action. A test holds each row against the action's inputs."""
TELL_OF_NEW: Mapping[str, str] = {sets.makes: sets.system for sets in SETS.values() if sets.makes is not None}
"""The triggers by which systems tell of what our calls made, with their system."""
