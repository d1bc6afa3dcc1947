"""Secrets that senders give in a handshake: kept over restarts, shared by replicas, replaced by no stranger."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.ingest import given_secrets
from services.ingest.database import Database
from services.ingest.given_secrets import GivenSecretTable, SecretRows
from services.ingest.sources.load import Sources, load
from tests.support.ingest import Recorder, application, client
from tests.support.proofs import SecretsInMemory, proofs

TOKEN = "asana-0123456789abcdef"
PATH = f"/v1/hooks/tasks/{TOKEN}"
FIRST, SECOND, STRANGER = (letter * 64 for letter in "ab0")
BODY = b'{"id": 1}'


def loaded(folder: Path, *, until: str = "", keys: tuple[str, ...] = ("KEY",)) -> Sources:
    """A source whose sender gives its secret; `until`: when it waits for another one."""
    path = folder / "sources.yaml"
    named = ", ".join(f"{{ env: {key} }}" for key in keys)
    path.write_text(
        "sources:\n  tasks:\n    example: { id: 1 }\n    token: { env: TOKEN }\n    authentication:\n"
        "      signature: { header: X-Hook-Signature, given_in: X-Hook-Secret }\n"
        f"      secret: [ {named} ]\n" + (f"      handshake_until: {until}\n" if until else "")
    )
    return load(path, {"TOKEN": TOKEN, "KEY": "sealing-one", "OTHER": "sealing-two"})


def replica(sources: Sources, rows: SecretRows) -> tuple[httpx.AsyncClient, Recorder]:
    """A process."""
    app, kafka = application(sources, proofs(rows))
    return client(app), kafka


async def give(http: httpx.AsyncClient, secret: str) -> httpx.Response:
    """The handshake."""
    return await http.post(PATH, headers={"X-Hook-Secret": secret})


async def send(http: httpx.AsyncClient, secret: str) -> int:
    """An event that is signed by a secret; the answer's status."""
    made = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    return (await http.post(PATH, content=BODY, headers={"X-Hook-Signature": made})).status_code


@pytest.fixture(params=["in memory", "in PostgreSQL"])
async def rows(request: pytest.FixtureRequest) -> AsyncIterator[SecretRows]:
    """Where they are kept: as it is, and as the tests of presets have it."""
    if request.param == "in memory":
        yield SecretsInMemory()
        return
    data = Database(request.getfixturevalue("own_database"))
    await data.connect()
    yield GivenSecretTable(data)
    data.close()


async def test_the_first_secret_is_taken_and_no_other(rows: SecretRows, tmp_path: Path) -> None:
    """The same header is the answer; it proves events in every replica, and after a restart; a stranger's does not."""
    sources = loaded(tmp_path)
    one, kafka = replica(sources, rows)
    other, _ = replica(sources, rows)
    async with one, other:
        assert await send(one, FIRST) == 401
        assert await send(other, FIRST) == 401
        answer = await give(one, FIRST)
        assert (answer.status_code, answer.headers["x-hook-secret"]) == (200, FIRST)
        refused = await give(other, STRANGER)
        assert (refused.status_code, refused.headers.get("x-hook-secret")) == (403, None)
        assert "handshake_until" in refused.json()["detail"]
        assert (await give(other, FIRST)).status_code == 200  # its sender asks again
        assert [await send(one, FIRST), await send(other, FIRST)] == [202, 202]
        assert [await send(one, STRANGER), await send(other, STRANGER)] == [401, 401]
    assert [event["data"] for _, event in kafka.records] == [{"id": 1}]
    again, _ = replica(sources, rows)
    async with again:
        assert await send(again, FIRST) == 202


async def test_a_source_that_waits_takes_another_beside_it(
    rows: SecretRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the moment that it names; both are good then, in a replica too that had read only the first."""
    monkeypatch.setattr(given_secrets, "LOOK_SECONDS", 0.0)
    old, _ = replica(loaded(tmp_path, until="2026-01-01T00:00:00Z"), rows)
    waiting, _ = replica(loaded(tmp_path, until="2999-01-01T00:00:00Z"), rows)
    async with old, waiting:
        assert (await give(old, FIRST)).status_code == 200
        assert (await give(old, SECOND)).status_code == 403
        assert await send(old, FIRST) == 202
        assert (await give(waiting, SECOND)).status_code == 200
        assert [await send(old, FIRST), await send(old, SECOND)] == [202, 202]


async def test_what_seals_them_can_be_changed(rows: SecretRows, tmp_path: Path) -> None:
    """With the former one beside the new one; without it events wait for whoever runs it, and no stranger gets in."""
    first, _ = replica(loaded(tmp_path), rows)
    async with first:
        assert (await give(first, FIRST)).status_code == 200
    assert all(FIRST.encode() not in row for row in await rows.all("tasks"))
    both, _ = replica(loaded(tmp_path, keys=("OTHER", "KEY")), rows)
    lost, _ = replica(loaded(tmp_path, keys=("OTHER",)), rows)
    anew, _ = replica(loaded(tmp_path, keys=("OTHER",), until="2999-01-01T00:00:00Z"), rows)
    async with both, lost, anew:
        assert await send(both, FIRST) == 202
        assert await send(lost, FIRST) == 503
        assert (await give(lost, STRANGER)).status_code == 403
        assert (await give(anew, SECOND)).status_code == 200
        assert await send(anew, SECOND) == 202


async def test_without_postgresql_its_sender_tries_again(tmp_path: Path) -> None:
    """A replica that has read the secret goes on; one that has not answers 503, a handshake too."""
    rows = SecretsInMemory()
    one, _ = replica(loaded(tmp_path), rows)
    other, _ = replica(loaded(tmp_path), rows)
    async with one, other:
        await give(one, FIRST)
        rows.away = OSError("away")
        assert await send(one, FIRST) == 202
        assert await send(one, STRANGER) == 401
        assert await send(other, FIRST) == 503
        assert (await give(other, SECOND)).status_code == 503
        rows.away = None
        assert await send(other, FIRST) == 202


@pytest.mark.parametrize("secret", ["short", "with spaces in it, so that", "é" * 20])
async def test_what_is_no_secret_is_refused(secret: str, tmp_path: Path) -> None:
    """What cannot be one is not kept."""
    rows = SecretsInMemory()
    http, _ = replica(loaded(tmp_path), rows)
    async with http:
        answer = await http.post(PATH, headers={b"X-Hook-Secret": secret.encode()})
    assert answer.status_code == 401
    assert not rows.rows
