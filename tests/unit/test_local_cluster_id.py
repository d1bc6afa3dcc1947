"""Kafka's cluster id."""

import uuid

from hypothesis import given, strategies

from deploy.local.kafka import cluster_id


@given(strategies.uuids())
def test_no_cluster_id_looks_like_an_option(of: uuid.UUID) -> None:
    """Otherwise one first start in 64 fails."""
    made = cluster_id(of)
    assert len(made) == 22
    assert not made.startswith("-")


def test_an_id_that_would_begin_with_a_dash_does_not() -> None:
    """0xf8 is the byte that base64 begins with a dash for."""
    assert not cluster_id(uuid.UUID(bytes=b"\xf8" * 16)).startswith("-")
