"""python -m services.tools: the stream processor. Not by faust's command line, which re-logs stdout as warnings."""

# ruff: noqa: E402 - the collector is told first
from __future__ import annotations

from services.runtime import garbage_collector

garbage_collector.collect_seldom()

from services.runtime import lifecycle
from services.runtime.settings import SettingsError
from services.tools import service
from services.tools.folder_flows import load
from services.tools.settings import ToolsSettings

ABOUT = """The stream processor: takes events and runs from Kafka, lets flows advance, asks for actions.
Run as many as there are partitions at most; give each a stable FLOWS_INSTANCE_ID."""


def main() -> None:
    """Read settings and flows, then consume until SIGTERM."""
    settings = lifecycle.begin("tools", ABOUT, ToolsSettings)
    try:
        flows = load(settings.flows_dir, settings.vars_file) if settings.flows_dir else None
    except SettingsError as error:
        raise lifecycle.refused(error) from None
    lifecycle.run(service.run(settings, flows))


if __name__ == "__main__":
    main()
