"""`python -m services.actions`: make the calls that flows ask for."""

# ruff: noqa: E402 - the collector is told first
from __future__ import annotations

from services.runtime import garbage_collector

garbage_collector.collect_seldom()

from services.actions import connections, service
from services.actions.settings import ActionsSettings
from services.runtime import lifecycle
from services.runtime.settings import SettingsError

ABOUT = """Make the calls that flows ask for: [actions] → HTTP → [runs], [history], [actions.dlq].

Each call names an action of the catalogue and, mostly, a connection of FLOWS_CONNECTIONS_FILE. Calls for one contact
to one connection are made one after the other, all others at the same time. Start as many of these as you need."""


def main() -> None:
    """Read settings and connections, then run until SIGTERM or Ctrl-C."""
    settings = lifecycle.begin("actions", ABOUT, ActionsSettings)
    try:
        known = connections.load(settings.connections_file)
    except SettingsError as error:
        raise lifecycle.refused(error) from None
    lifecycle.run(service.run(settings, known))


if __name__ == "__main__":
    main()
