"""Words of other languages are found, each with what is written for it here."""

from __future__ import annotations

import pytest

from services.flows.durations import DurationError, parse_duration
from services.flows.other_words import function, in_expression
from tests.support.flows import faults_of, flow_text, texts_of

SAID = {
    "trigger.phone ?? trigger.id": "trigger.?phone.orValue(trigger.id)",
    'trigger.phone || "x"': "x.?field.orValue(…)",
    "trigger.paid and trigger.total > 2.0": "`&&`",
    "trigger.paid OR trigger.total > 2.0": "`||`",
    "not trigger.paid": "`!x`",
    "trigger.id not in trigger.tags": "`!(x in y)`",
    "trigger.id == None": "has(trigger.id)",
    "trigger.id == undefined": "has(trigger.id)",
    "trigger.id == null": 'x == ""',
    'trigger.id === "a"': "`==`",
    'trigger.id <> "a"': "`!=`",
    "trigger.paid = true": "write `==`",
    "trigger.paid == True": "`true` is written in small letters",
    "trigger.endereço": 'dyn(trigger)["endereço"]',
    "trigger.phone?.id": "trigger.?phone",
    'trigger.id is "a"': "`==`",
    "if trigger.paid then 1 else 2": "condition ? one : other",
    "trigger.id if trigger.paid else 2": "condition ? one : other",
    "“a”": 'quotes are straight: "…"',
    "`a`": "a text stands in quotes",
    "len(trigger.tags)": "`size(x)`",
    "trigger.id.toLowerCase()": "`x.lower()`",
    "trigger.tags.length": "`x.size()`",
    "now()": "`event.time`",
}


@pytest.mark.parametrize(("written", "said"), SAID.items(), ids=SAID)
def test_a_word_of_another_language_is_one_fault_that_says_the_right_one(written: str, said: str) -> None:
    """In an expression. Once, and not as what a parser stumbles over."""
    text = texts_of(flow_text(f"- set:\n    a: |-\n      ${{ {written} }}"))
    assert said in text
    assert text.count("\n") == 0
    assert "parsetree" not in text


def test_what_is_said_for_a_name_with_accents_works() -> None:
    """A text's own words are none of these: `and` in quotes is a text."""
    assert (
        faults_of(flow_text("""- set: { a: '${ dyn(trigger)["endereço"] }', b: '${ "this and not = that" }' }""")) == []
    )
    assert in_expression('trigger.note == "é"') is None
    assert function("size") is None


NO_DOLLAR = {
    '- set: { a: "{ trigger.id }" }': "`${ trigger.id }`",
    '- set: { a: "{{ trigger.id }}" }': "`${ trigger.id }`",
    '- set: { a: "Olá {trigger.id}, até já" }': "`${ trigger.id }`",
    "- set: { a: trigger.id }": "`${ trigger.id }`",
    "- set: { a: $trigger.id }": "`${ trigger.id }`",
    "- set: { a: { trigger.id } }": '"${ trigger.id }"',
    "- set: { a: {{ trigger.id }} }": '"${ … }", in quotes',
    "- set: { one: x }\n- set: { a: [$one.two] }": "`${ one.two }`",
}


@pytest.mark.parametrize(("steps", "said"), NO_DOLLAR.items(), ids=NO_DOLLAR)
def test_an_expression_without_its_dollar_is_a_mistake(steps: str, said: str) -> None:
    """As a text, inside one, and as what YAML makes of it."""
    assert said in texts_of(flow_text(steps))


@pytest.mark.parametrize("text", ["www.example.com", "{ nome }", "an {id}", "triggered.by", "e.g. trigger", "a.b"])
def test_a_text_that_names_nothing_is_a_text(text: str) -> None:
    """Addresses, placeholders of other systems, sentences, a path that begins as a variable is named."""
    assert faults_of(flow_text(f"- set: {{ a: '{text}' }}")) == []


KEYS = {
    "- if: ${ trigger.paid }\n  then: [{stop: a}]\n  also: [{stop: b}]": "next step",
    "- if: ${ trigger.paid }\n  then: [{stop: a}]\n  elif: [{stop: b}]": "`else:`, and in it a step with `if`",
    "- else: [{stop: a}]": "below `then`, without `- `",
    "- when: ${ trigger.paid }": "`- if: …` with `then:`",
    "- connection: gateway": "says not what to do",
}


@pytest.mark.parametrize(("steps", "said"), KEYS.items(), ids=KEYS)
def test_a_key_that_people_look_for_is_answered(steps: str, said: str) -> None:
    """`connection` without an action ended the check with an exception: it is much like `action`."""
    text = texts_of(flow_text(steps))
    assert said in text
    assert "step_unreachable" not in text


@pytest.mark.parametrize(
    ("text", "said"),
    [("10", "10s, 10m, 10h or 10d"), ("10 minutes", "write 10m"), ("2 horas", "write 2h"), ("30 dias", "write 30d"),
     ("1.5 hours", "such as 30s or 2h"), ("soon", "such as 30s or 2h")],
)  # fmt: skip
def test_a_duration_without_its_unit_is_told_which(text: str, said: str) -> None:
    """Or with the unit in words."""
    with pytest.raises(DurationError, match=said):
        parse_duration(text)
