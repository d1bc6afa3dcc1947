"""`flows rotation`: shares are shown as they are, and who is switched away gets no turns from the next batch on."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.flows.state.cells import Asked
from services.flows.state.rotations import Turn, Turned
from services.runtime import database
from services.tools.state.state_tables import StateTables
from tests.support.flows_command import flows

TEAM = ("ana", "rui", "eva")


@pytest.fixture
async def account(database_url: str, topic_prefix: str) -> str:
    """An account that no other test has, on a migrated database."""
    await database.migrate(database_url)
    return f"account-{topic_prefix}"


async def turns(url: str, account: str, first: int, count: int) -> list[str | None]:
    """Who got the turns of so many runs."""
    pool = await database.connect(url, size=1)
    try:
        need = Turn("sales-team", TEAM, (2, 1, 1))
        asks = [Asked(account, "f", f"{account} {run}", "0", 0, need) for run in range(first, first + count)]
        found = await StateTables(pool, timedelta(hours=1)).answer(asks)
    finally:
        await pool.close()
    return [one.value for one in found if isinstance(one, Turned)]


def ask(folder: Path, url: str, account: str, *words: str) -> Any:
    """What the command answers as JSON."""
    done = flows("rotation", *words, "--account", account, "--json", cwd=folder, env={"DATABASE_URL": url})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_shares_are_shown_and_switches_take_effect(database_url: str, account: str, tmp_path: Path) -> None:
    assert ask(tmp_path, database_url, account, "list") == []
    await turns(database_url, account, 0, 9)
    assert ask(tmp_path, database_url, account, "list") == [
        {"rotation": "sales-team", "members": list(TEAM), "away": [], "turns": 9}
    ]
    shown = ask(tmp_path, database_url, account, "show", "sales-team")
    assert [(row["member"], row["turns"], row["exact_share"]) for row in shown] == [
        ("ana", 5, 4.5),
        ("rui", 2, 2.25),
        ("eva", 2, 2.25),
    ]

    away = ask(tmp_path, database_url, account, "list", "sales-team", "--away", "ana", "--away", "rui", "--for", "3d")
    assert [row["member"] for row in away if row["away"]] == ["ana", "rui"]
    assert all(row["away_until"] for row in away if row["away"])
    assert await turns(database_url, account, 9, 3) == ["eva"] * 3

    back = ask(tmp_path, database_url, account, "list", "sales-team", "--back", "ana", "--away", "eva")
    assert {row["member"]: row["away_until"] for row in back if row["away"]}.keys() == {"rui", "eva"}
    assert await turns(database_url, account, 12, 2) == ["ana"] * 2


async def test_who_is_switched_away_before_the_first_turn_gets_none(
    database_url: str, account: str, tmp_path: Path
) -> None:
    ask(tmp_path, database_url, account, "list", "sales-team", "--away", "ana")
    assert await turns(database_url, account, 0, 4) == ["rui", "eva", "rui", "eva"]


@pytest.mark.parametrize(
    "mistake",
    [
        (("show", "nobody"), 1, "there is no rotation 'nobody' yet"),
        (("list", "--away", "ana"), 2, "say which rotation"),
        (("list", "sales-team", "--for", "3d"), 2, "give --away NAME too"),
        (("list", "sales-team", "--away", "ana", "--for", "soon"), 2, "'soon' is no duration"),
    ],
)
async def test_a_mistake_is_said_in_a_line(
    database_url: str, account: str, tmp_path: Path, mistake: tuple[tuple[str, ...], int, str]
) -> None:
    words, code, says = mistake
    done = flows("rotation", *words, "--account", account, cwd=tmp_path, env={"DATABASE_URL": database_url})
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


async def test_postgresql_that_does_not_answer_is_said_with_the_remedy(tmp_path: Path) -> None:
    done = flows("rotation", "list", cwd=tmp_path, env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"})
    assert done.returncode == 1
    assert "Set DATABASE_URL" in done.stderr or "or set DATABASE_URL" in done.stderr


async def test_for_people_there_is_a_table(database_url: str, account: str, tmp_path: Path) -> None:
    await turns(database_url, account, 0, 4)
    env = {"DATABASE_URL": database_url}
    switched = ("list", "sales-team", "--away", "rui", "--for", "1d", "--away", "eva")
    for words in (switched, ("show", "sales-team"), ("list",)):
        done = flows("rotation", *words, "--account", account, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        assert "ana" in done.stdout
    assert "sales-team" in done.stdout
