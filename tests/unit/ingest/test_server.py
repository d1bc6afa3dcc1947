"""The address of the gateway is asked for before granian has it."""

from __future__ import annotations

import socket

import pytest

from services.ingest.server import reserve
from services.runtime.settings import SettingsError


def test_port_0_becomes_a_free_one() -> None:
    """So that it can be told."""
    host, port = reserve("localhost", 0)
    assert host in {"127.0.0.1", "::1"}
    assert port > 0


def test_a_port_in_use_is_refused() -> None:
    """Left alone, granian would share it: SO_REUSEPORT."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"FLOWS_INGEST_PORT={port}: another program listens there"):
            reserve("127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_told(host: str) -> None:
    """With the setting's name."""
    with pytest.raises(SettingsError, match=f"FLOWS_INGEST_HOST='{host}'"):
        reserve(host, 0)
