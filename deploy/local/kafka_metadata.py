"""Ask a Kafka broker for its metadata, over a bare socket: the first thing that every client does.

By hand, because a client library retries, logs errors and wants an event loop, and we ask thirty times a second while
the broker is not there yet.
"""

import socket
import struct

_METADATA, _VERSION = 3, 4  # https://kafka.apache.org/protocol#The_Messages_Metadata
_TIMEOUT_SECONDS = 3.0


def answers(host: str, port: int) -> bool:
    """Whether the broker tells of at least one broker of its cluster, itself."""
    # Header: key, version, correlation id, client id; body: no topics, none to be made.
    request = struct.pack(">hhih5sib", _METADATA, _VERSION, 1, 5, b"ready", 0, 0)
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            # Size, correlation id, throttle time, number of brokers.
            reply = connection.makefile("rb").read(16)
    except OSError:
        return False
    return len(reply) == 16 and struct.unpack(">iiii", reply)[3] >= 1  # noqa: PLR2004  (four numbers of four bytes)
