"""Source text → compiled flow, with the tools of this process."""

from __future__ import annotations

from collections.abc import Mapping

from services.flows.catalogue import Tool
from services.flows.compile import CompiledFlow, compile_flow
from services.flows.load import load_text
from services.tools.deployed.deployment_tables import FlowVersion


class UnloadableError(Exception):
    """A version cannot run in this process. The text says why and what to do."""


def compiled(version: FlowVersion, tools: Mapping[str, Tool]) -> CompiledFlow:
    """The flow, ready to run. Raises UnloadableError."""
    what = f"version {version.version!r} of flow {version.name!r}"
    sources, _ = load_text(version.source, version.name)
    source = next((one for one in sources if one.name == version.name), None)
    if source is None:
        raise UnloadableError(f"{what} cannot be read any more: deploy the flow again")
    try:
        flow = compile_flow(source, tools)
    except (KeyError, ValueError) as error:
        raise UnloadableError(
            f"{what} cannot run in this version of closum-flows: {error}. Mend the flow and deploy it again"
        ) from None
    if flow.version != version.version:
        raise UnloadableError(
            f"{what} means something else to this version of closum-flows ({flow.version!r}): deploy the flow again"
        )
    return flow
