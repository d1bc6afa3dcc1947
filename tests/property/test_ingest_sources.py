"""Every reader of sources, whatever arrives: events or a refusal, and no other exception.

`python -m tests.bench.readers` tries a million inputs.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.any_request import body_bytes, headers, outcome


@given(st.integers(0, 1_000_000), headers, body_bytes)
def test_any_request_to_any_source(number: int, sent: dict[bytes, bytes], body: bytes) -> None:
    """Forms, CloudEvents, compressed bodies, signatures, handshakes, WhatsApp Cloud, declared shapes."""
    assert outcome(number, sent, body) in {"events", "refused", "handshake"}
