"""The queue: who is asked what of an attempt's end, of an ill connection, and of partitions that come and go."""


def test_stub() -> None:
    """Nothing yet."""
