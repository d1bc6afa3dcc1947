"""The collector's setting."""

from __future__ import annotations

import gc

from services.runtime import garbage_collector


def test_what_is_loaded_is_not_walked_again() -> None:
    """And twice changes nothing more. The suite itself runs so (tests/conftest.py), so nothing is put back."""
    gc.unfreeze()
    gc.set_threshold(700, 10, 10)
    garbage_collector.tune()
    garbage_collector.tune()
    assert gc.get_threshold() == garbage_collector.THRESHOLDS
    assert gc.get_freeze_count() > 10_000
    assert gc.isenabled()
