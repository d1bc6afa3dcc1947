"""Tables in docs/ that are made from declarations: between two marks in a page that is written by hand otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from contracts.triggers.registry import TRIGGERS
from services.closum.endpoint import Basis
from services.closum.facts import WEBHOOKS
from services.closum.webhook_reading import names_of
from services.flows.catalogue import Group
from services.flows.idempotency import ASSUMED
from services.project import connection_presets
from services.project.catalogue import ACTIONS, ENDPOINTS, Implementation
from services.project.connection_presets import ConnectionPreset
from services.project.source_presets import PRESETS, Known, Preset

BEGIN = "<!-- made by `make schemas` -->"
END = "<!-- end -->"
OddShapes = Mapping[str, Sequence[str]]
"""Of each preset what surprised somebody, and is a case of tests/data/shapes."""


def with_actions(page: str) -> str:
    """The page with the table of all actions, grouped as Closum groups them, between its marks. Raises ValueError."""
    return _between_marks(page, actions_table(ACTIONS.values()))


def with_presets(page: str, shapes: OddShapes) -> str:
    """The page with the tables of all platforms that are known, between its marks. Raises ValueError."""
    known = PRESETS.values()
    return _between_marks(page, f"{presets_table(known)}\n\n{evidence_table(known, shapes)}")


def with_connection_presets(page: str) -> str:
    """The page with the table of all platforms whose APIs are known, between its marks. Raises ValueError."""
    return _between_marks(page, connection_presets_table(connection_presets.PRESETS.values()))


def with_facts(page: str) -> str:
    """The page with the table of all that is known of Closum between its marks. Raises ValueError."""
    return _between_marks(page, facts_table())


def _between_marks(page: str, table: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page lacks the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


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


def facts_table() -> str:
    """A row a call and a webhook: what is called or read, and where that is known from."""
    rows = ["| action or trigger | what is called, what is read | known from |", "|---|---|---|"]
    for name, row in ENDPOINTS.items():
        other = [f"`{ours}` is `{theirs}`" for ours, theirs in (*row.fields.items(), *row.answer.items())]
        call = "; ".join((f"`{row.method} {row.path}`, {row.place.value}", *other))
        rows.append(f"| `{name}` | {call} | {row.known} |")
    for name in WEBHOOKS:
        fields = ", ".join(f"`{field}`" for field in names_of(TRIGGERS[name]))
        rows.append(f"| `{name}` | {fields} | {Basis.ASSUMED.value} |")
    return "\n".join(rows)


def presets_table(presets: Iterable[Preset]) -> str:
    """A row a platform: its proof, what tells a redelivery, when it repeats, what is not confirmed."""
    rows = [
        "| `--preset` | platform | proof | told apart by | it repeats | takes for success | not confirmed |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in presets:
        unsure = [
            f"{what} ({fact.known.value})" for what, fact in one.facts.items() if fact.known is not Known.CONFIRMED
        ]
        cells = (
            f"`{one.name}`",
            one.title,
            one.proof,
            one.identity,
            one.retries,
            one.accepts,
            ", ".join(unsure) or "–",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def evidence_table(presets: Iterable[Preset], shapes: OddShapes) -> str:
    """A row a platform: its handshake and time, which odd shapes are tried, how sure all is, by which documents."""
    rows = [
        "| `--preset` | handshake | time | odd shapes that are tried | confirmed, inferred, assumed | read, and when |",
        "|---|---|---|---|---|---|",
    ]
    for one in presets:
        counts = ", ".join(str(one.count(known)) for known in (Known.CONFIRMED, Known.INFERRED, Known.ASSUMED))
        read = dict.fromkeys((fact.document, fact.read) for fact in one.facts.values())
        documents = ", ".join(f"[{number}]({url}) {day}" for number, (url, day) in enumerate(read, 1))
        tried = " ".join(shapes.get(one.name, ()))
        rows.append(f"| `{one.name}` | {one.handshake} | {one.time} | {tried} | {counts} | {documents} |")
    return "\n".join(rows)


def connection_presets_table(presets: Iterable[ConnectionPreset]) -> str:
    """A row a platform: its address, credentials, limits, what it honours, how it says failures, what is not sure."""
    rows = [
        "| `--preset` | address | credentials | bears | honours | failures | can be asked | inferred | assumed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in presets:
        cells = (
            f"`{one.name}`",
            f"`{one.entry['base_url']}`",
            one.form,
            one.limits,
            one.idempotency,
            one.failures,
            one.verify,
            *(
                ", ".join(what for what, fact in one.facts.items() if fact.known is known) or "–"
                for known in (Known.INFERRED, Known.ASSUMED)
            ),
        )
        rows.append(f"| {' | '.join(cells)} |")
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
