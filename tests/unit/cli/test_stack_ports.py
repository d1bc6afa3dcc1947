"""The ports of a stack."""

from __future__ import annotations

import socket
from dataclasses import astuple

from services.cli.stack.addresses import any_free, known_or_next


def test_a_taken_port_is_passed_over_and_the_move_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = known_or_next({"ingest": port})
    assert ports.ingest > port
    assert ports.moved({"ingest": port})["ingest"] == (port, ports.ingest)


def test_no_two_services_get_the_same_port() -> None:
    assert len(set(astuple(any_free()))) == 5
    assert len(set(astuple(known_or_next({"ingest": 9101})))) == 5
