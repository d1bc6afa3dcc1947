"""Ports on the loopback address: which are free, and which a part had last time."""

import json
import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the ports that systems give to outgoing connections (32768 on Linux, 49152 elsewhere). In that range a client
# that reconnects to a stopped broker can be given the broker's own port as its source, and then holds it.
_RANGE = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now. Connections that are still closing do not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    with socket.socket() as client:
        # On macOS the bind above succeeds beside somebody who listens on all addresses.
        client.settimeout(0.5)
        return client.connect_ex((LOOPBACK, port)) != 0


def free_port(*, besides: frozenset[int] = frozenset()) -> int:
    """A free port that is none of `besides`. Nothing reserves it: it may be gone when the caller comes to use it."""
    while True:
        port = random.choice(_RANGE)  # noqa: S311  (no secret)
        if port not in besides and is_free(port):
            return port


def remembered(file: Path, names: tuple[str, ...]) -> dict[str, int]:
    """A port for each name: the one in `file` if it is still free, else a new one. `file` is not written."""
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        known = {}
    ports: dict[str, int] = {}
    for name in names:
        port = known.get(name) if isinstance(known, dict) else None
        usable = isinstance(port, int) and port not in ports.values() and is_free(port)
        ports[name] = port if usable and port is not None else free_port(besides=frozenset(ports.values()))
    return ports


def remember(file: Path, ports: dict[str, int]) -> None:
    """Write `ports` for the next start."""
    file.write_text(json.dumps(ports))
