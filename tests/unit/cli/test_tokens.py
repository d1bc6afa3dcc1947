"""`flows tokens`: made once, kept as a hash, changed with an overlap."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.ingest.auth.event_tokens import EventTokens, hash_of
from services.ingest.auth.scheme import AuthRequest
from services.ingest.tokens_file import load
from tests.support.flows_command import flows


def holder(file: Path, token: str, later: timedelta = timedelta(0)) -> str | None:
    """Whose token ingest takes it for, now or later."""
    request = AuthRequest("POST", "/v1/events", b"", {b"authorization": f"Bearer {token}".encode()})
    found = EventTokens(load(file), lambda: datetime.now(UTC) + later).of(request)
    return found.name if found else None


def test_a_token_is_printed_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    """In the file of the setting, else in tokens.yaml; what it is bound to is told by the list."""
    file = tmp_path / "tokens.yaml"
    done = flows(
        "tokens", "new", "shop", "--account", "porto", "--source", "/shop", "--source", "/shop/*", cwd=tmp_path
    )
    token = done.stdout.splitlines()[0]
    assert (done.returncode, len(token) > 40, token in file.read_text(), hash_of(token) in file.read_text()) == (
        0,
        True,
        False,
        True,
    )
    assert holder(file, token) == "shop"
    other = {"FLOWS_EVENTS_TOKENS_FILE": str(tmp_path / "other.yaml")}
    flows("tokens", "new", "team", "--account", "*", "--source", "*", cwd=tmp_path, env=other)
    assert [one.name for one in load(tmp_path / "other.yaml")] == ["team"]
    listed = flows("tokens", "list", "--json", cwd=tmp_path).stdout
    assert ('"/shop/*"' in listed, "porto" in listed, hash_of(token) in listed) == (True, True, False)


def test_the_old_token_counts_until_the_overlap_is_over(tmp_path: Path) -> None:
    """Two at most: a third change ends the first at once. Revoked, none counts."""
    file = tmp_path / "tokens.yaml"
    made = [flows("tokens", "new", "shop", "--account", "a", "--source", "/s", cwd=tmp_path).stdout.splitlines()[0]]
    for overlap in ("1h", "2h"):
        done = flows("tokens", "rotate", "shop", "--overlap", overlap, cwd=tmp_path)
        made.append(done.stdout.splitlines()[0])
    assert [holder(file, token) for token in made] == [None, "shop", "shop"]
    assert [holder(file, token, timedelta(hours=3)) for token in made] == [None, None, "shop"]
    assert flows("tokens", "revoke", "shop", cwd=tmp_path).returncode == 0
    assert [holder(file, token) for token in made] == [None, None, None]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("new", "shop", "--account", "a", "--source", "/s"), "has a token already"),
        (("new", "Shop", "--account", "a", "--source", "/s"), "Shop"),
        (("new", "b", "--account", "a", "--source", "/hooks/pay"), "is a source of ingest itself"),
        (("new", "b", "--account", "a*b", "--source", "/s"), "`*` stands at the end"),
        (("rotate", "shopp"), "did you mean 'shop'?"),
        (("rotate", "shop", "--overlap", "soon"), "is no duration"),
        (("revoke", "nobody"), "nobody of that name"),
    ],
)
def test_a_mistake_changes_nothing(arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    """And says what is wrong."""
    flows("tokens", "new", "shop", "--account", "a", "--source", "/s", cwd=tmp_path)
    before = (tmp_path / "tokens.yaml").read_text()
    done = flows("tokens", *arguments, cwd=tmp_path)
    assert (done.returncode, told in done.stderr, (tmp_path / "tokens.yaml").read_text()) == (1, True, before), done
