"""What is generated is in step with the code, every example is valid, and nothing breaks who uses the last release."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from contracts.dead_letters import DeadLetter
from contracts.published_schemas import PUBLISHED, PublishedSchema
from contracts.topics import ALL
from services.cli.generate import files
from services.cli.generate.compatibility import breaking

REMEDY = "run `make schemas` and commit what it writes"


def test_generated_files_are_in_step_with_the_code() -> None:
    """contracts/schemas, contracts/examples and .env.example are what the models and settings say now."""
    wanted, there = files.generated(), files.present()
    assert there.keys() == wanted.keys(), REMEDY
    differing = [name for name, text in wanted.items() if there[name] != text]
    assert not differing, REMEDY


def test_a_drift_is_seen_and_written_away(tmp_path: Path) -> None:
    """Changed, missing and left-over files are found and put right; a second time nothing changes."""
    files.write(tmp_path)
    assert files.present(tmp_path) == files.generated()
    (tmp_path / ".env.example").write_text("# mine\n")
    (tmp_path / "contracts/schemas/event.json").unlink()
    (tmp_path / "contracts/schemas/gone.json").write_text("{}")
    changed = [".env.example", "contracts/schemas/event.json", "contracts/schemas/gone.json"]
    assert files.write(tmp_path) == changed
    assert files.write(tmp_path) == []


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.name)
def test_an_example_is_valid_by_schema_and_by_model(published: PublishedSchema) -> None:
    """The checked-in files agree with each other and with the code."""
    root = files.ROOT
    schema = json.loads((root / files.SCHEMAS / f"{published.name}.json").read_text())
    text = (root / files.EXAMPLES / f"{published.name}.json").read_text()
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert [str(error) for error in validator.iter_errors(json.loads(text))] == []
    published.model.model_validate_json(text)


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.name)
def test_a_schema_refuses_what_the_model_refuses(published: PublishedSchema) -> None:
    """A schema that takes everything would be none."""
    validator = jsonschema_rs.Draft202012Validator(files.schema(published))
    required = files.schema(published).get("required", [])
    for name in required:
        assert not validator.is_valid({key: value for key, value in published.example.items() if key != name})
    assert not validator.is_valid([])


def test_every_topic_has_a_schema() -> None:
    """Whoever reads a topic finds what is in it."""
    assert {topic for published in PUBLISHED for topic in published.topics} == set(ALL)


def test_the_example_of_a_dead_letter_survives_its_headers() -> None:
    """Written as headers and read back, it is the same."""
    published = next(published for published in PUBLISHED if published.model is DeadLetter)
    letter = DeadLetter.model_validate(published.example)
    assert DeadLetter.from_headers(letter.to_headers()) == letter


def test_nothing_breaks_who_uses_the_last_release() -> None:
    """Against contracts/schemas/released, which only a release renews: CONTRIBUTING says how and when."""
    now = files.schemas()
    broken = [
        f"{name}: {fault}"
        for name, old in files.released().items()
        for fault in (breaking(old, now[name]) if name in now else ["was removed"])
    ]
    assert not broken, "keep the field, or add another one beside it: CONTRIBUTING.md, Changing a message"


def test_every_message_of_the_release_is_a_message() -> None:
    """The baseline is not empty: without it the test above could not fail."""
    released = files.released().keys()
    assert {"event", "run", "action-request", "history-record", "dead-letter"} <= released
    assert released >= {published.name for published in PUBLISHED if published.topics} - NEW


# Messages that no release has yet; `make release` makes them part of the baseline.
NEW = {"attempt-record", "refused-request"}
