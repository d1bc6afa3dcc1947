"""The events of the demonstration, and its account."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import phonenumbers
from rich.console import Console

from contracts.errors import ErrorCode
from contracts.runs import HistoryRecord, Outcome
from services.cli.commands.demo import summary
from services.cli.commands.demo.account import Account
from services.cli.commands.demo.events import TOO_LONG_NAME, Sending, sendings
from services.runtime.dead_letters.letters import FoundDeadLetter


def number(sending: Sending) -> str:
    """As it can be read: WhatsApp gives digits with the country's code, people type as they like."""
    sender = sending.body.get("from")
    return f"+{sender}" if sender else str(sending.body["phone"])


def valid(text: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, "PT"))
    except phonenumbers.NumberParseException:
        return False


def test_they_are_200_and_the_same_in_every_run() -> None:
    assert len(sendings()) == 200
    assert sendings() == sendings()
    assert Counter(one.source for one in sendings()) == {"whatsapp": 140, "platform": 60}


def test_two_numbers_are_invalid_and_the_others_are_of_many_countries() -> None:
    numbers = [number(one) for one in sendings()]
    assert sum(not valid(text) for text in numbers) == 2
    codes = {phonenumbers.parse(text, "PT").country_code for text in numbers if valid(text)}
    assert len(codes) >= 8


def test_fifteen_are_sent_twice_and_one_name_is_too_long_for_the_crm() -> None:
    ids = Counter(str(one.body.get("message_id") or one.body["id"]) for one in sendings())
    assert Counter(ids.values()) == {1: 170, 2: 15}
    assert sum(one.body.get("contact", {}).get("name") == TOO_LONG_NAME for one in sendings()) == 1


def end(number: int, outcome: Outcome, **more: Any) -> HistoryRecord:
    fields = {"event_id": f"e{number}", "source": "/hooks/whatsapp", "account": "default", "subject": "351"}
    return HistoryRecord.model_validate(
        {"run_id": f"r{number}", **fields, "outcome": outcome, "at": datetime.now(UTC), "flow": "a", **more}
    )


STATE: dict[str, Any] = {
    "contacts": [{"phone": "+351912345678", "name": "Inês [bold]"}],
    "leads": [{"lead_id": "1", "name": "Rui", "mobile_number": "351912345678"}],
    "whatsapp": [{"to": "351912345678", "template": "welcome", "language": "pt_PT"}],
    "keys": {"k": {"requests": 2, "effects": 1}},
}
ENDS = [
    end(1, Outcome.DELIVERED),
    end(2, Outcome.FILTERED, reason="no phone"),
    end(3, Outcome.DUPLICATE),
    end(5, Outcome.SUPPRESSED, source="/hooks/leads", flow=None),
]


def test_an_account_that_adds_up_has_no_faults() -> None:
    assert Account(4, ENDS, [], STATE, 1.0).faults() == []


def test_a_lost_event_a_missing_letter_a_raw_number_a_double_effect_and_greeting_are_faults() -> None:
    greeted = {"whatsapp": STATE["whatsapp"] * 2, "keys": {"k": {"requests": 2, "effects": 2}}}
    state = {**STATE, "contacts": [{"phone": "912 345 678"}], **greeted}
    account = Account(6, [*ENDS, end(4, Outcome.DEAD, code=ErrorCode.CALL_REJECTED)], [], state, 1.0)
    faults = "\n".join(account.faults())
    for word in (
        "6 events were accepted, but 5",
        "0 dead letters",
        "'912 345 678'",
        "effect more than once",
        "greeted more than once",
    ):
        assert word in faults


def test_the_summary_tells_all_of_it() -> None:
    account = Account(5, [*ENDS, end(4, Outcome.DEAD)], [FoundDeadLetter("actions.dlq/0/0", None, b"")], STATE, 1.0)
    sent = {f"e{one}": Sending("whatsapp", {"from": "912 345 678"}) for one in range(1, 5)}
    out = Console(file=StringIO(), width=160, markup=False)
    summary.show(out, account, sent, ("whatsapp", "leads", "contacts"), 1.0)
    assert isinstance(out.file, StringIO)
    text = out.file.getvalue()
    for word in (
        "+351912345678",
        "Inês [bold]",
        "912 345 678",
        "no phone",
        "welcome (pt_PT)",
        "1 person was greeted, once",
        "actions.dlq/0/0",
    ):
        assert word in text
    assert "accepted 5 = delivered 1 + filtered 1 + duplicate 1 + suppressed 1 + dead 1" in text
    assert "It adds up" in text
