"""Migrations run while old workers run: each only adds what an old worker does not see."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

import pytest

FOLDER = files("services.runtime") / "migrations"
MIGRATIONS = {entry.name: entry.read_text() for entry in FOLDER.iterdir() if entry.name.endswith(".sql")}
NEW = re.compile(r"create (?:table|sequence) (\w+)")
INDEX = re.compile(r"create (?:unique )?index \w+ on (\w+)")
COLUMN = re.compile(r"alter table \w+\s+add column (?:if not exists )?\w+ (?P<rest>[^,]+)")
# An index is built while writers wait: for a table that is there already only where it holds few rows.
SHORT = {"parked", "held_runs", "limits", "breakers", "flow_versions", "deployments"}


def faults(text: str) -> list[str]:
    """What in a migration an old worker would stumble over."""
    plain = re.sub(r"--[^\n]*", "", text).lower()
    made: set[str] = set()
    wrong = []
    for statement in filter(None, (re.sub(r"\s+", " ", part).strip() for part in plain.split(";"))):
        if new := NEW.match(statement):
            made.add(new[1])
        elif index := INDEX.match(statement):
            if index[1] not in made | SHORT:
                wrong.append(f"writers of {index[1]!r} wait while its index is built")
        elif column := COLUMN.fullmatch(statement):
            if "not null" in column["rest"] and "default" not in column["rest"]:
                wrong.append(f"old workers do not give the new column: {statement!r}")
        else:
            wrong.append(f"this is no addition: {statement!r}")
    return wrong


@pytest.mark.parametrize("name", sorted(MIGRATIONS))
def test_a_migration_only_adds(name: str) -> None:
    """Tables, sequences, indices of new tables, and columns that may be left out."""
    assert faults(MIGRATIONS[name]) == []


@pytest.mark.parametrize(
    "text",
    [
        "drop table claims",
        "alter table claims drop column key",
        "alter table claims rename to held",
        "alter table claims add column other text not null",
        "alter table claims alter column key type uuid",
        "create index later on claims (key)",
        "update claims set note = ''",
        "create table one (a text); -- and\ndelete from claims",
    ],
)
def test_what_is_no_addition_would_be_found(text: str) -> None:
    """The test above can fail."""
    assert faults(text)


def test_the_order_of_migrations_is_that_of_their_numbers() -> None:
    """No two have one number: what is applied first must not hang on the rest of a name."""
    assert [name for name in MIGRATIONS if not re.fullmatch(r"\d{4}_\w+\.sql", name)] == []
    assert max(Counter(name[:4] for name in MIGRATIONS).values()) == 1
