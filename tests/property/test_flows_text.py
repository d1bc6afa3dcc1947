"""No text makes loading or checking raise, whatever it holds: a fault is an answer, an exception is none."""

from __future__ import annotations

from hypothesis import event, given
from hypothesis import strategies as st

from services.flows.check import check
from services.flows.durations import DurationError, parse_duration
from services.flows.load import load_text
from services.flows.templates import Hole, TemplateError, split
from tests.support.flows import CATALOGUE, flow_text

# Pieces that a flow is made of, so that texts come close to flows.
PIECES = """
    allow_cycle: for_each: as: limit: do: wait: until: working_hours: cancel_on: key: when: writes: fields: item
    flow: on: steps: - id: tool: action: with: if: then: else: switch: cases: default: set: stop: retry: on_error:
    phone.format http.call shop.ordered ${ } $${ { } [ ] , : | > " ' & * ! ? # % @ ` trigger .from phone .e164 has( ) .?
    lookup table: csv: orValue( == && || ! true null 1 -1 1e9 &a *a <<: --- ... %YAML yes no
"""
WORDS = st.sampled_from([*PIECES.split(), "\t", "\n", "\n- ", "\n  ", "é", "🙂", "\ud800", "\x00"])
TEXTS = st.lists(WORDS | st.text(max_size=6), max_size=40).map(" ".join) | st.text(max_size=200)


def read(text: str) -> None:
    """Load and check; every fault has a location in the text, and a text that is one line."""
    sources, faults = load_text(text)
    for fault in [*faults, *check(sources, CATALOGUE, ("gateway",))]:
        assert fault.line >= 1
        assert fault.col >= 1
        assert fault.text


@given(TEXTS)
def test_no_file_makes_it_raise(text: str) -> None:
    """Any text as a whole file."""
    read(text)


@given(TEXTS)
def test_no_expression_makes_it_raise(text: str) -> None:
    """Any text as an expression: as a condition, and inside a text."""
    quoted = text.replace("'", "''").replace("\n", " ").replace("\x00", "")
    read(flow_text(f"- if: '${{ {quoted} }}'\n  then:\n    - stop: 'x ${{ {quoted} }} y'"))


@given(st.text(max_size=80) | st.lists(WORDS, max_size=20).map("".join))
def test_a_template_loses_nothing(text: str) -> None:
    """Texts and holes put together again give the whole text, but for the escapes and the blanks in holes."""
    try:
        parts = split(text)
    except TemplateError as error:
        parts, at = [], error.at
        event("refused")
        if not text.startswith("${", at):
            raise
    for part in parts:
        if isinstance(part, Hole):
            assert text[part.start : part.end] == part.source
    if "${" not in text:
        assert parts == ([text] if text else [])


@given(st.text(max_size=12) | st.from_regex(r"\A([0-9]{1,4}(ms|[smhdw])){1,4}\Z"))
def test_a_duration_is_read_or_refused(text: str) -> None:
    """A duration is positive and finite, anything else is refused with a text that names it."""
    try:
        seconds = parse_duration(text)
    except DurationError as error:
        if repr(text) not in str(error):
            raise
        seconds = 1.0
    assert 0 < seconds < float("inf")
