"""The flows that this process runs: read, checked against the tools that it has, compiled."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from services.flows.catalogue import collect
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.index import FlowIndex
from services.flows.load import load_paths
from services.runtime.settings import SettingsError
from services.tools import catalog


class FolderFlows(FlowIndex):
    """The flows of a folder, for one machine: all there are, from start to end."""

    deployment = ""

    def for_trigger(self, type_: str, deployment: str = "") -> tuple[CompiledFlow, ...]:
        """The flows that an event of this type starts."""
        del deployment  # there is one set only
        return super().for_trigger(type_)

    async def recall(self, deployments: Collection[str]) -> None:
        """There is one set only."""

    def why_not(self, name: str, version: str) -> str:
        """Why there is no such version here, and what to do."""
        return (
            f"version {version!r} of flow {name!r} is not in FLOWS_FLOWS_DIR. Put it back, or keep versions in the"
            " database with `flows deploy`; then redrive"
        )

    async def fetch(self, wanted: Collection[tuple[str, str]]) -> None:
        """Nothing more can be had."""


def load(folder: Path, values_file: Path | None = None) -> FolderFlows:
    """Every flow below `folder`. Raises SettingsError with each fault, its file, line and column.

    `values_file`: values of the project's `vars`.
    Whether connections and the inputs of actions are right is what `flows check` proves before deployment; here is
    checked what this process needs to run.
    """
    if not folder.is_dir():
        raise SettingsError(f"FLOWS_FLOWS_DIR={str(folder)!r}: no such folder. Name the folder of the flow files")
    sources, faults = load_paths([folder], values_file=values_file)
    wrong = [str(fault) for fault in faults]
    tools = collect(catalog)
    flows: list[CompiledFlow] = []
    for source in sources:
        try:
            flows.append(compile_flow(source, tools))
        except (KeyError, ValueError) as error:
            if not source.faults:  # those are told already
                wrong.append(
                    f"{source.file}: flow {source.name!r} cannot run here: {error}. Ask `flows check` for more"
                )
    if wrong:
        raise SettingsError("\n".join([f"FLOWS_FLOWS_DIR={str(folder)!r}: flows are wrong", *wrong]))
    return FolderFlows(flows)
