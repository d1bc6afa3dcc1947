"""No value of its trigger's type makes an example die: not an empty name, nor a country by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.triggers.payload import Payload
from services.flows.compile import compile_flow
from services.flows.load import FlowSource, load_paths
from services.project.catalogue import catalogue
from tests.support.played import deaths, event, stories
from tests.support.schema_values import values

ROOT = Path(__file__).parents[2]
CATALOGUE = catalogue([ROOT / "examples"])
EXAMPLES = {source.name: source for source in load_paths([ROOT / "examples"])[0]}


def play(source: FlowSource, trigger: str, body: Any) -> None:
    """One event, to the end of its run and of all its waits."""
    model = CATALOGUE.triggers[trigger]
    assert issubclass(model, Payload)
    try:
        read = model.read(body)
    except ValidationError:
        assume(condition=False)  # ingest answers 422
        return
    assert not deaths(stories(compile_flow(source, CATALOGUE.tools), [event(trigger, read)]))


CASES = [(name, word.text) for name, source in EXAMPLES.items() for word in source.flow.triggers]


@pytest.mark.parametrize(("name", "trigger"), CASES, ids=[f"{name}-{trigger}" for name, trigger in CASES])
def test_an_example_takes_all_that_its_trigger_allows(name: str, trigger: str) -> None:
    """With calls that succeed: no run ends for what a person has left empty, or written as people do."""
    model = CATALOGUE.triggers[trigger]
    assert issubclass(model, Payload)
    example = dict(model.example)
    fields = values(model.model_json_schema(by_alias=True))
    changed = fields | fields.map(lambda body: {**example, **dict(list(body.items())[:2])})

    @settings(max_examples=60)
    @given(changed | st.just(example))
    def plays(body: Any) -> None:
        play(EXAMPLES[name], trigger, body)

    plays()
