"""Tokens of whole events: each speaks for its accounts and sources, nobody for those of ingest itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from structlog.testing import capture_logs

from contracts.errors import ErrorCode
from contracts.events import OURS, Event
from services.ingest.app import tokens_of
from services.ingest.auth.event_tokens import hash_of
from services.ingest.settings import IngestSettings
from services.ingest.sources.load import load
from services.ingest.tokens_file import load as load_tokens
from services.runtime.settings import SettingsError
from services.tools.event_reading import event_of
from tests.support.ingest import BEARER, EVENTS_TOKEN, application, client

EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "closum.lead.created", "data": {"email": "a@b.pt"}}


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def live(token: str, seconds: float | None = None) -> dict[str, str]:
    """An entry of a token, that ends after so many seconds."""
    until = {} if seconds is None else {"until": (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()}
    return {"sha256": hash_of(token), **until}


def file(folder: Path, **tokens: Any) -> Path:
    """A tokens file: `name=(accounts, sources, entries)`."""
    path = folder / "tokens.yaml"
    with path.open("w") as out:
        entries = {
            name: {"accounts": accounts, "sources": sources, "live": entries}
            for name, (accounts, sources, entries) in tokens.items()
        }
        YAML().dump({"tokens": entries}, out)
    return path


def two(folder: Path) -> Path:
    """The shop of Porto, and a team of two accounts."""
    return file(
        folder,
        shop=(["porto"], ["/shop", "/shop/*"], [live("shop-new"), live("shop-old", 3_600)]),
        team=(["default", "team-*"], ["*"], [live("team"), live("team-ended", -1)]),
    )


async def test_a_token_speaks_for_its_accounts_and_sources_only(tmp_path: Path) -> None:
    """403 with the place of what it does not speak for; an event that names no account is its own."""
    app, kafka = application(events_tokens_file=two(tmp_path))
    async with client(app) as http:

        async def sent(token: str, **more: object) -> tuple[int, object]:
            answer = await http.post("/v1/events", json=EVENT | more, headers=bearer(token))
            faults = answer.json().get("errors", [{}])
            return answer.status_code, faults[0].get("pointer")

        assert await sent("shop-new") == (202, None)
        assert kafka.records[-1][1]["account"] == "porto"
        assert await sent("shop-old", source="/shop/lisbon") == (202, None)
        assert await sent("shop-new", account="default") == (403, "/account")
        assert await sent("shop-new", source="/shopping") == (403, "/source")
        assert await sent("team", account="team-7", source="/anything") == (202, None)
        assert await sent("team") == (202, None)
        assert kafka.records[-1][1]["account"] == "default"
        assert await sent("team", account="porto") == (403, "/account")
        for unknown in ("team-ended", "shop", hash_of("team"), ""):
            assert (await sent(unknown))[0] == 401
        before = len(kafka.records)
        batch = BATCH | bearer("shop-new")
        answer = await http.post("/v1/events", json=[EVENT, EVENT | {"account": "team-1"}], headers=batch)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (403, "/1/account")
        assert len(kafka.records) == before


BATCH = {"Content-Type": "application/cloudevents-batch+json"}
SOURCES_OF_OURS = ["/hooks/whatsapp", "/polls/orders", "/schedules/daily", "/hooks", "hooks/a", "//hooks/a", "/HOOKS/a"]


@pytest.mark.parametrize("source", SOURCES_OF_OURS)
@pytest.mark.parametrize("token", [EVENTS_TOKEN, "team"])
async def test_nobody_sends_under_a_source_of_ingest(source: str, token: str, tmp_path: Path) -> None:
    """Neither the old setting nor a token for all sources: an id that is claimed there is proven by other means."""
    app, kafka = application(events_tokens_file=two(tmp_path))
    async with client(app) as http:
        answer = await http.post("/v1/events", json=EVENT | {"source": source}, headers=bearer(token))
    assert (answer.status_code, answer.json()["code"]) == (403, ErrorCode.UNAUTHENTICATED)
    assert kafka.records == []


async def test_an_id_that_was_sent_before_makes_no_payment_a_duplicate(tmp_path: Path) -> None:
    """The same id under another source, or of another account, is another event: for the answer, too."""
    (tmp_path / "sources.yaml").write_text(
        "sources:\n  pay: { example: { id: 1 }, id: /id, token: { env: T }, account: porto }\n"
    )
    token = "pay-0123456789abcdef"
    app, kafka = application(load(tmp_path / "sources.yaml", {"T": token}), events_tokens_file=two(tmp_path))
    async with client(app) as http:
        real = (await http.post(f"/v1/hooks/pay/{token}", json={"id": 9})).json()["id"]
    app, kafka = application(load(tmp_path / "sources.yaml", {"T": token}), events_tokens_file=two(tmp_path))
    async with client(app) as http:
        claimed = EVENT | {"id": real, "source": "/hooks/pay", "account": "porto"}
        assert (await http.post("/v1/events", json=claimed, headers=BEARER)).status_code == 403
        for account in ("team-1", "team-2"):
            answer = await http.post("/v1/events", json=EVENT | {"account": account}, headers=bearer("team"))
            assert answer.json() == {"id": "7"}
        assert (await http.post(f"/v1/hooks/pay/{token}", json={"id": 9})).json() == {"id": real}
    assert [record["source"] for _, record in kafka.records] == ["/shop", "/shop", "/hooks/pay"]


async def test_what_only_we_know_of_an_event_no_sender_says() -> None:
    """By HTTP and by Kafka: how many writes of ours led to it, which flows did, and which of its kind it is."""
    app, kafka = application()
    said = EVENT | {"hops": 99, "ledby": "welcome", "occurrence": "x"}
    async with client(app) as http:
        assert (await http.post("/v1/events", json=said, headers=BEARER)).status_code == 202
        binary = {f"ce-{name}": str(value) for name, value in said.items() if name != "data"}
        assert (await http.post("/v1/events", json=EVENT["data"], headers=BEARER | binary)).status_code == 202
    assert [OURS & record.keys() for _, record in kafka.records] == [set(), set()]
    read = event_of(Event(subject="a", **said).to_bytes())
    assert (read.hops, read.ledby, read.occurrence) == (None, None, None)


async def test_the_documents_need_a_token_unless_they_are_open(tmp_path: Path) -> None:
    """As a bearer token, or as the password that a browser asks for; without any token they are off."""
    paths = ("/docs", "/openapi.json")
    app, _ = application(events_tokens_file=two(tmp_path))
    async with client(app) as http:
        for path in paths:
            refused = await http.get(path)
            assert (refused.status_code, refused.headers["www-authenticate"][:5]) == (401, "Basic")
            assert (await http.get(path, headers=bearer("team-ended"))).status_code == 401
            assert (await http.get(path, headers=bearer("shop-new"))).status_code == 200
            assert (await http.get(path, auth=("anybody", "shop-old"))).status_code == 200
    for is_open, status in ((False, 404), (True, 200)):
        app, _ = application(events_token=None, docs_open=is_open)
        async with client(app) as http:
            assert [(await http.get(path)).status_code for path in paths] == [status, status]


async def test_the_documents_show_no_example_of_a_sources_file(tmp_path: Path) -> None:
    """Somebody may have written a real one there."""
    (tmp_path / "sources.yaml").write_text(
        "sources:\n  pay: { example: { id: 84723, email: rui@closum.example }, token: { env: T } }\n"
    )
    app, _ = application(load(tmp_path / "sources.yaml", {"T": "pay-0123456789abcdef"}))
    async with client(app) as http:
        pages = [(await http.get(path, headers=BEARER)).text for path in ("/docs", "/openapi.json")]
    assert [("rui@" in page, "84723" in page, "person1@example.com" in page) for page in pages] == [
        (False, False, True)
    ] * 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tokens: {}", None),
        ("token: {}", "token: Extra inputs"),
        ("tokens: { a: { accounts: [], sources: [x], live: [] } }", "tokens.a.accounts"),
        ("tokens: { a: { accounts: [x], sources: [/hooks/*], live: [] } }", "is a source of ingest itself"),
        ("tokens: { a: { accounts: ['a*b'], sources: [x], live: [] } }", "`*` stands at the end"),
        ("tokens: { a: { accounts: [x], sources: [x], live: [ { sha256: plain-token } ] } }", "live.0.sha256"),
        ("tokens: [", "not YAML"),
    ],
)
def test_a_tokens_file_says_what_is_wrong_with_it(text: str, told: str | None, tmp_path: Path) -> None:
    """With the line, and never with what may be a token."""
    path = tmp_path / "tokens.yaml"
    path.write_text(text)
    if told is None:
        assert load_tokens(path) == ()
        return
    with pytest.raises(SettingsError) as error:
        load_tokens(path)
    assert (told in str(error.value), "plain-token" in str(error.value)) == (True, False), str(error.value)


def test_the_tokens_of_a_setting_and_of_a_file_stand_together(tmp_path: Path) -> None:
    """For one version, in which the log says so, without the token; without either there is none."""
    with capture_logs() as lines:
        assert not tokens_of(IngestSettings(events_token=None))
        assert tokens_of(IngestSettings(events_tokens_file=two(tmp_path)))
    assert lines == []
    with capture_logs() as lines:
        assert tokens_of(IngestSettings(events_token=EVENTS_TOKEN, events_tokens_file=two(tmp_path)))
    assert [(line["event"], line["log_level"]) for line in lines] == [("token.deprecated", "warning")]
    assert EVENTS_TOKEN not in str(lines)
