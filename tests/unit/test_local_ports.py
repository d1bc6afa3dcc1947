"""Ports: the ones of last time, unless somebody has them."""

import socket
from pathlib import Path

import pytest

from deploy.local import ports


def test_a_free_remembered_port_is_taken_again(tmp_path: Path) -> None:
    """A restart keeps the addresses that a person has in their shell history."""
    file = tmp_path / "ports.json"
    first = ports.remembered(file, ("client", "controller"))
    assert first["client"] != first["controller"]
    ports.remember(file, first)
    assert ports.remembered(file, ("client", "controller")) == first


def test_a_taken_remembered_port_is_replaced(tmp_path: Path) -> None:
    """Only that one; the other stays."""
    file = tmp_path / "ports.json"
    first = ports.remembered(file, ("client", "controller"))
    ports.remember(file, first)
    with socket.create_server((ports.LOOPBACK, first["client"])):
        second = ports.remembered(file, ("client", "controller"))
    assert second["client"] not in first.values()
    assert second["controller"] == first["controller"]


@pytest.mark.parametrize("content", ["", "[1]", '{"client": "x"}', '{"client": 5, "controller": 5}'])
def test_a_broken_memory_is_forgotten(tmp_path: Path, content: str) -> None:
    """Whatever the file says, every name gets a port of its own."""
    file = tmp_path / "ports.json"
    file.write_text(content)
    found = ports.remembered(file, ("client", "controller"))
    assert len(set(found.values())) == 2
