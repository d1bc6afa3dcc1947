"""Events of other teams' producers are read like those that came by HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from contracts.events import Event
from services.tools.event_reading import event_of

LEAD = Event(
    id="1", source="/shop", type="closum.lead.created", subject="a", data={"phone": "+351 912 345 678", "shop": 7}
)


def test_the_data_of_a_producer_has_the_shape_that_flows_know() -> None:
    """Spellings, phones and unknown fields, as ingest would have done it."""
    data = event_of(LEAD.to_bytes()).data
    assert (data["mobile_number"], data["mobile_number_e164"], data["raw"]) == (
        "+351 912 345 678",
        "+351912345678",
        {"shop": 7},
    )


def test_what_ingest_took_is_not_read_twice() -> None:
    """It says so itself. But for what we made ourselves, which no sender can say."""
    taken = LEAD.model_copy(update={"accepted": datetime.now(UTC)})
    assert event_of(taken.to_bytes()).data == {**LEAD.data, "by_us": False}


@pytest.mark.parametrize("accepted", [None, datetime.now(UTC)])
def test_no_sender_can_say_that_we_made_it(accepted: datetime | None) -> None:
    """Nor that a flow of ours led to it."""
    said = LEAD.model_copy(update={"accepted": accepted, "ledby": "a", "data": {**LEAD.data, "by_us": True}})
    event = event_of(said.to_bytes())
    assert (event.data["by_us"], event.led_by) == (False, ())


def test_a_trigger_that_a_sources_file_declares_passes_as_it_is() -> None:
    """Its schema is not here."""
    other = LEAD.model_copy(update={"type": "webhook.shop"})
    assert event_of(other.to_bytes()) == other


@pytest.mark.parametrize("value", [None, b"", b"{", LEAD.model_copy(update={"data": {"tags": {}}}).to_bytes()])
def test_what_is_no_event_is_one_error(value: bytes | None) -> None:
    """Which the processor makes a dead letter of."""
    with pytest.raises(ValidationError):
        event_of(value)
