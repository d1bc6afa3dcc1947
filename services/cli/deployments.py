"""The set of flows that will run: checked as a whole, as it will be, before anything changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from services.cli.database import ask
from services.cli.terminal import CommandError
from services.flows.catalogue import Catalogue
from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.declared_triggers import Declared
from services.flows.load import FlowSource, load_paths, load_text
from services.project.catalogue import catalogue
from services.project.connections_file import connection_names
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.tables import audit
from services.tools.deployed import deployment_tables
from services.tools.deployed.deployment_tables import Deployment, FlowVersion

DEPLOYED = "(deployed) "
Change = Callable[[Deployment, Sequence[FlowVersion]], tuple[Mapping[str, str], Sequence[FlowVersion]]]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a deployment changed."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    withdrawn: tuple[str, ...]

    def __str__(self) -> str:
        """`added a, b; changed c`."""
        parts = (("added", self.added), ("changed", self.changed), ("withdrawn", self.withdrawn))
        return "; ".join(f"{what} {', '.join(names)}" for what, names in parts if names) or "nothing changed"


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    """From one set to another."""
    return Difference(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(name for name in after.keys() & before.keys() if after[name] != before[name])),
        tuple(sorted(before.keys() - after.keys())),
    )


def from_paths(
    paths: Sequence[Path], connections: Collection[str] | None, *, alone: bool, vars_file: Path | None = None
) -> Change:
    """A change to the flows of these paths; with `alone`, all others are withdrawn. It raises CommandError."""
    sources, faults = load_paths(paths, vars_file)
    if not sources and not faults:
        raise CommandError("there is no flow in these files")

    def change(_before: Deployment, running: Sequence[FlowVersion]) -> tuple[Mapping[str, str], Sequence[FlowVersion]]:
        names = {source.name for source in sources}
        staying = [] if alone else _loaded(one for one in running if one.name not in names)
        known = catalogue(paths)
        wrong = [fault for fault in check([*sources, *staying], known, connections) if not _elsewhere(fault)]
        _refuse([*faults, *wrong])
        new = [_version(source, known) for source in sources]
        kept = {one.name: one.version for one in running if one.name not in names and not alone}
        return kept | {one.name: one.version for one in new}, new

    return change


def declared_by(paths: Sequence[Path]) -> dict[str, Any]:
    """What the sources files beside these flows declare, for services/tools. Raises CommandError for wrong files."""
    triggers = catalogue(paths).triggers
    # By JSON and back, as it is compared with what is kept.
    found = {name: one.declaration() for name, one in triggers.items() if issubclass(one, Declared)}
    kept: dict[str, Any] = json.loads(json.dumps(found))
    return kept


def back_to(target: Deployment, versions: Sequence[FlowVersion]) -> Change:
    """A change to an earlier set. It raises CommandError when that set cannot run any more."""

    def change(_before: Deployment, _running: Sequence[FlowVersion]) -> tuple[Mapping[str, str], Sequence[FlowVersion]]:
        known = catalogue()
        sources = _loaded(versions)
        _refuse([fault for fault in check(sources, known, None) if not _elsewhere(fault)])
        for source in sources:
            version = compile_flow(source, known.tools).version
            if version != target.flows[source.name]:
                what = f"flow {source.name!r} means something else to this version of closum-flows"
                raise CommandError(f"{what}: deploy its file instead")
        return target.flows, versions

    return change


def deployed(paths: Sequence[Path], connections: Path, url: str, *, alone: bool) -> Difference:
    """Deploy to a database; answer what changed. Raises CommandError, and nothing has changed."""
    change = from_paths(paths, connection_names(connections), alone=alone)
    triggers = declared_by(paths)

    async def work(connection: asyncpg.Connection) -> Difference:
        before = await deployment_tables.current(connection)
        after = await deployment_tables.deploy(connection, change, audit.direct(), triggers=triggers)
        return difference(before.flows, after.flows)

    return ask(work, url)


def tell(before: Deployment, after: Deployment, *, as_json: bool) -> None:
    """Say what changed."""
    changed = difference(before.flows, after.flows)
    if as_json:
        said = {
            "deployment": after.number,
            "at": str(after.at),
            "by": after.by,
            "note": after.note,
            "flows": dict(after.flows),
            "added": changed.added,
            "changed": changed.changed,
            "withdrawn": changed.withdrawn,
        }
        print(json.dumps(said, ensure_ascii=False, indent=2))
    elif after.number == before.number:
        print(f"Deployment {after.number} runs this already: nothing changed.")
    else:
        count = len(after.flows)
        print(f"Deployment {after.number}: {changed}. {count} flow{'s' if count != 1 else ''} in all.")


def _elsewhere(fault: Fault) -> bool:
    """Whether it is only that a flow that runs names a trigger of a sources file that is not here."""
    return fault.file.startswith(DEPLOYED) and fault.code is FaultCode.TRIGGER_UNKNOWN


def _loaded(versions: Iterable[FlowVersion]) -> list[FlowSource]:
    """Deployed versions, read again."""
    return [
        source
        for one in versions
        for source in load_text(one.source, f"{DEPLOYED}{one.name}")[0]
        if source.name == one.name
    ]


def _version(source: FlowSource, known: Catalogue) -> FlowVersion:
    flow = compile_flow(source, known.tools)
    return FlowVersion(flow.name, flow.version, source.text, bool(flow.matches))


def _refuse(faults: Sequence[object]) -> None:
    if faults:
        told = "\n".join(map(str, faults))
        raise CommandError(f"nothing was deployed, what runs runs on: there are mistakes.\n{told}")
