"""What the isolation bench plays can be played: a bench that nobody runs for a month rots."""

from __future__ import annotations

from pathlib import Path

from services.flows.check import check
from services.flows.load import load_paths
from services.project.catalogue import catalogue
from services.project.connections_file import connection_names
from tests.bench.isolation.cases import CASES, CONNECTIONS, REFUSING, flows_of
from tests.bench.isolation.ground import connections_of, written


def test_each_case_can_be_deployed(tmp_path: Path) -> None:
    """Its flows are without a mistake, beside the healthy ones."""
    known = catalogue()
    for number, flows in enumerate({case.flows for case in CASES}):
        place = tmp_path / str(number)
        connections = connection_names(written(place, flows_of(*flows), connections_of(CONNECTIONS, REFUSING, 1)))
        sources, faults = load_paths([place])
        assert [str(fault) for fault in (*faults, *check(sources, known, connections))] == []
