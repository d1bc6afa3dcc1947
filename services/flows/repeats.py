"""What becomes of a flow's calls of unknown outcome, for people: the rule itself is the inputs' `guarantee`.

A connections file says what destinations honour. Without one it is not known, and said so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from services.flows.catalogue import Action, Catalogue, Guarantee
from services.flows.check_inputs import known_of
from services.flows.durations import shown
from services.flows.idempotency import ASSUMED, IdempotencyKey
from services.flows.input_rules import InputsBugError, guarantee_of, verifiable
from services.flows.load import FlowSource
from services.flows.steps.kind import Call, walk
from services.runtime.documents.faults import Fault, FaultCode

Declared = Mapping[str, IdempotencyKey | None]
"""What each connection declares, by its name."""

AGAIN = "made again, as a second call changes nothing more"
ASKED = "not made again: its destination is asked by `verify`"
PERSON = "not made again: a person decides (`flows unknown list`)"


def notes(flows: Sequence[FlowSource], catalogue: Catalogue, declared: Declared | None) -> list[Fault]:
    """A note for each step that is at most once by default only, in order of place.

    `declared`: None where no connections file is known. Not of a step that says `repeat` or `verify`.
    """
    return sorted(set(_notes(flows, catalogue, declared)))


def told(call: Call, catalogue: Catalogue, declared: Declared | None) -> str | None:
    """What becomes of such a call of this step; None where it depends on an event, or the action is unknown."""
    with suppress(InputsBugError):
        return _told(call, catalogue, declared)
    return None


def _told(call: Call, catalogue: Catalogue, declared: Declared | None) -> str | None:
    action = catalogue.actions.get(call.action.text)
    if action is None:
        return None
    known = known_of(call.inputs)
    honoured = _honoured(call, declared)
    guarantee = guarantee_of(action, known, honoured)
    if guarantee is None:
        return None
    if guarantee is Guarantee.REPEATABLE:
        return AGAIN
    if guarantee is Guarantee.KEYED:
        key = honoured or ASSUMED
        for_long = "" if key.seconds is None else f", which protects for {shown(key.seconds)}"
        return f"made again under the same {key.header}{for_long}"
    end = ASKED if verifiable(action, known) else PERSON
    if _hangs(action, call) and declared is None and call.connection is not None:
        return f"{end}, unless the connection {call.connection.text!r} declares `idempotency`"
    return end


def _notes(flows: Sequence[FlowSource], catalogue: Catalogue, declared: Declared | None) -> Iterator[Fault]:
    for source in flows:
        with suppress(InputsBugError):  # which the check tells
            yield from _notes_of(source, catalogue, declared)


def _notes_of(source: FlowSource, catalogue: Catalogue, declared: Declared | None) -> Iterator[Fault]:
    for step in walk(source.flow.steps):
        call = step.call()
        action = None if call is None else catalogue.actions.get(call.action.text)
        if call is None or action is None or not _hangs(action, call) or _honoured(call, declared) is not None:
            continue
        if not verifiable(action, known_of(call.inputs)):
            at = call.action.location
            text = _text(call, known=declared is not None)
            yield Fault(source.file, at.line, at.col, FaultCode.REPEAT_UNDECLARED, text)


def _hangs(action: Action, call: Call) -> bool:
    """Whether the call is at most once for want of a declaration only."""
    known = known_of(call.inputs)
    without, with_key = guarantee_of(action, known, None), guarantee_of(action, known, ASSUMED)
    return without is Guarantee.AT_MOST_ONCE and with_key is Guarantee.KEYED


def _honoured(call: Call, declared: Declared | None) -> IdempotencyKey | None:
    return None if call.connection is None else (declared or {}).get(call.connection.text)


def _text(call: Call, *, known: bool) -> str:
    remedy = "Say `repeat`, or how to ask the destination: `verify`"
    if call.connection is None:
        why = "nobody says that its destination knows a repetition"
    elif known:
        why = f"the connection {call.connection.text!r} declares no `idempotency`"
        remedy += ", or declare there what it honours: `idempotency: { header: Idempotency-Key, for: 24h }`"
    else:
        why = f"only the connection {call.connection.text!r} could declare `idempotency`, and it is not known here"
        remedy += ", or name the connections file: `--connections FILE`"
    return f"of unknown outcome, this call is not made again and waits for a person: {why}. {remedy}"
