"""A stop by signal raises at once, or at the end of what must be whole."""

from __future__ import annotations

import signal

import pytest

from services.cli.stack.stopping import SIGNALS, Stop, Stopping, stop_on_signals


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_raises_at_once_and_only_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stopping:
        with pytest.raises(Stop):
            signal.raise_signal(number)
        assert stopping.asked.is_set()
        signal.raise_signal(number)  # the end that has begun is not cut
    assert signal.getsignal(number) == before


def test_what_must_be_whole_is_ended_first() -> None:
    done = []

    def two_halves(stopping: Stopping) -> None:
        with stopping.uncut():
            with stopping.uncut():
                signal.raise_signal(signal.SIGTERM)
            done.append("the inner block ends nothing")
        done.append("never reached")

    with stop_on_signals() as stopping:
        with pytest.raises(Stop):
            two_halves(stopping)
        assert done == ["the inner block ends nothing"]
        with stopping.uncut():  # told once
            pass


def test_an_error_within_goes_on_and_the_stop_is_known() -> None:
    def fails(stopping: Stopping) -> None:
        with stopping.uncut():
            signal.raise_signal(signal.SIGTERM)
            raise OSError("no such program")

    with stop_on_signals() as stopping:
        with pytest.raises(OSError, match="no such program"):
            fails(stopping)
        assert stopping.asked.is_set()
