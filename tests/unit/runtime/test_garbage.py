"""The collector's setting."""

from __future__ import annotations

import gc

from services.runtime import garbage


def test_what_is_loaded_is_not_walked_again() -> None:
    """And twice changes nothing more."""
    before = gc.get_threshold()
    try:
        garbage.tune()
        garbage.tune()
        assert gc.get_threshold() == garbage.THRESHOLDS
        assert gc.get_freeze_count() > 10_000
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
