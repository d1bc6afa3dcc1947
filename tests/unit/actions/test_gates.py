"""Who tries an open breaker, and what speaks against a connection. Without PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from contracts.errors import ErrorCode
from services.actions.limits.evidence import Word, word_of
from services.actions.limits.limits import PATIENCE_SECONDS, Limits
from services.actions.limits.limits_table import LimitsTable
from services.actions.outcome import Done, Failed


class OneBreaker(LimitsTable):
    """That of `crm` is open and due. Notes who asks to try, and how patient it is."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def pauses(self, connections: Sequence[str]) -> dict[str, float]:  # noqa: ARG002 - as the real one
        """None."""
        return {}

    async def breakers(self, connections: Sequence[str]) -> dict[str, bool]:
        """All are open."""
        return dict.fromkeys(connections, True)

    async def probe(self, connection: str, seconds: float, patience_seconds: float) -> bool:  # noqa: ARG002 - as above
        """It is granted."""
        self.asked.append(patience_seconds)
        return True


@pytest.mark.parametrize("away", [False, True])
async def test_a_call_without_an_access_token_is_never_its_own_fault(*, away: bool) -> None:
    """Also while calls with the token of before succeed; what the destination refuses then is."""
    worker = Limits(OneBreaker(), {}, "t", most=8, news=asyncio.Event())
    for lane in range(20):
        worker.told("crm", lane, "step", Done({}))
    failed = Failed(ErrorCode.CALL_REFUSED, "no access token", again=True, away=away)
    assert worker.told("crm", "lane", "step", failed) is not away


@pytest.mark.parametrize(("waiting", "asked"), [(None, []), (False, [PATIENCE_SECONDS]), (True, [0.0])])
async def test_a_worker_tries_only_with_a_call_and_first_with_one_that_did_not_fail(
    waiting: bool | None,  # noqa: FBT001 - as parametrized
    asked: list[float],
) -> None:
    """One that has no call leaves the turn to others; one whose lanes all failed lets them go before."""
    store = OneBreaker()
    worker = Limits(store, {}, "t", most=8, news=asyncio.Event())
    worker.suspect("crm", "lane")
    await worker.look(lambda *_: waiting)
    assert store.asked == asked
    assert (worker.take("crm") == 0) == bool(asked)


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Done({}), Word.WELL),
        (Failed(ErrorCode.CALL_REJECTED, "", again=False, status=404), Word.WELL),
        (Failed(ErrorCode.CALL_REJECTED, "", again=False, status=405), Word.DENIED),
        (Failed(ErrorCode.CREDENTIALS_REFUSED, "", again=False, status=403), Word.DENIED),
        (Failed(ErrorCode.CREDENTIALS_REFUSED, "", again=True, status=401), Word.AWAY),
        (Failed(ErrorCode.DESTINATION_BUSY, "", again=True), Word.BUSY),
        (Failed(ErrorCode.DESTINATION_FAILED, "", again=True), Word.FAILED),
        (Failed(ErrorCode.CALL_TIMED_OUT, "", again=True), Word.FAILED),
        (Failed(ErrorCode.CALL_INTERRUPTED, "", again=True), Word.FAILED),
        (Failed(ErrorCode.CALL_REFUSED, "", again=True), Word.AWAY),
        (Failed(ErrorCode.DESTINATION_BUSY, "", again=True, away=True), Word.AWAY),
        (Failed(ErrorCode.DESTINATION_FAILED, "", again=True, away=True), Word.AWAY),
    ],
)
def test_what_an_outcome_says_of_its_connection(outcome: Done | Failed, word: Word) -> None:
    """An answer, whatever it says of the call, is well; what no call of the connection could be made for is away."""
    assert word_of(outcome) is word
