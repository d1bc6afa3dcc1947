"""Tables in docs/ that are made from declarations: between two marks in a page that is written by hand otherwise."""

from __future__ import annotations

from collections.abc import Iterable

from services.flows.catalogue import Group
from services.flows.idempotency import ASSUMED
from services.project.catalogue import ACTIONS, Implementation

BEGIN = "<!-- made by `make schemas` -->"
END = "<!-- end -->"


def with_actions(page: str) -> str:
    """The page with the table of all actions, grouped as Closum groups them, between its marks. Raises ValueError."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page lacks the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{actions_table(ACTIONS.values())}\n{END}{after}"


def actions_table(actions: Iterable[Implementation]) -> str:
    """A row an action: Closum's name of it, what it does, what a second call does, where its endpoint is known from."""
    rows = ["| action | Closum's name | what it does | twice | endpoint |", "|---|---|---|---|---|"]
    group = None
    for one in sorted(actions, key=lambda each: (list(Group).index(each.signature.group), each.name)):
        if one.signature.group is not group:
            group = one.signature.group
            rows.append(f"| **{group}** | | | | |")
        basis = "–" if one.endpoint is None else one.endpoint.basis.value
        rows.append(f"| `{one.name}` | {one.signature.title} | {one.signature.line} | {_twice(one)} | {basis} |")
    return "\n".join(rows)


def _twice(one: Implementation) -> str:
    general = one.signature.guarantee
    given = [one.signature.inputs.model_validate(dict(example.inputs)) for example in one.signature.examples]
    by_inputs = {one.guarantee(inputs, None).value for inputs in given} - {general.value}
    declared = {one.guarantee(inputs, ASSUMED).value for inputs in given} - by_inputs - {general.value}
    return ", or ".join(
        [
            general.value,
            *(f"{other} by its inputs" for other in sorted(by_inputs)),
            *(f"{other} where its connection declares `idempotency`" for other in sorted(declared)),
        ]
    )
