"""The sources file: what is read, and how each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.triggers.registry import TRIGGERS
from services.ingest.service import sources
from services.ingest.settings import IngestSettings
from services.ingest.sources.load import load
from services.runtime.settings import SettingsError
from tests.support.ingest import LEADS_TOKEN, SOURCES, TOKEN

ENVIRON = {"HOOK_TOKEN_WHATSAPP": TOKEN, "HOOK_TOKEN_LEADS": LEADS_TOKEN}
LEAD = "sources:\n  a:\n    trigger: closum.lead.created\n    token: { env: A }\n"
ROOT = Path(__file__).parents[3]


def told(folder: Path, text: str, environ: dict[str, str] | None = None) -> str:
    """The text of the error for a file; the path is left out."""
    path = folder / "sources.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        load(path, ENVIRON if environ is None else environ)
    return str(error.value).replace(str(path), "FILE")


def test_the_file_that_we_ship_is_right() -> None:
    """Compose, Kubernetes and newcomers start from it."""
    environ = ENVIRON | {"HOOK_TOKEN_CONTACTS": TOKEN, "HOOK_TOKEN_SMS": TOKEN, "HOOK_TOKEN_UNSUBSCRIBES": TOKEN}
    environ["HOOK_TOKEN_EMAILS"] = TOKEN
    loaded = load(ROOT / "deploy/config/sources.yaml", environ)
    triggers = {trigger.trigger for hook in loaded.hooks for trigger in hook.reader.triggers}
    assert triggers == {name for name in TRIGGERS if name.startswith("closum.")}


def test_a_hook_is_found_by_name_and_token_only(tmp_path: Path) -> None:
    """A wrong token and an unknown name are the same to the caller."""
    (tmp_path / "s.yaml").write_text(SOURCES)
    hooks = load(tmp_path / "s.yaml", ENVIRON).hooks
    hook = hooks.find("whatsapp", TOKEN)
    assert hook is not None
    assert (hook.uri, hook.account, hook.reader.triggers[0].trigger) == (
        "/hooks/whatsapp",
        "default",
        "closum.whatsapp.message_received",
    )
    for name, token in [("whatsapp", ""), ("whatsapp", LEADS_TOKEN), ("whatsapp", TOKEN + "x"), ("none", TOKEN)]:
        assert hooks.find(name, token) is None
    assert hooks.find("whatsapp", "é\ud800") is None


def test_a_hook_does_not_show_its_token(tmp_path: Path) -> None:
    """It may stand in a log or a debugger."""
    (tmp_path / "s.yaml").write_text(SOURCES)
    assert TOKEN not in repr(load(tmp_path / "s.yaml", ENVIRON).hooks.find("whatsapp", TOKEN))


def test_a_token_may_stand_in_a_file(tmp_path: Path) -> None:
    """As Kubernetes and Compose mount secrets; a line end is not part of it."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    path = tmp_path / "s.yaml"
    path.write_text(
        "sources:\n  shop:\n    trigger: closum.lead.created\n    account: porto\n"
        f"    token: {{ file: {tmp_path / 'token'} }}\n"
    )
    hook = load(path, {}).hooks.find("shop", TOKEN)
    assert hook is not None
    assert hook.account == "porto"


def test_a_missing_token_is_told_with_its_line_and_a_remedy(tmp_path: Path) -> None:
    """Each of them, at once."""
    text = told(tmp_path, SOURCES, {})
    assert "FILE:4:5: sources.whatsapp.token: the environment variable 'HOOK_TOKEN_WHATSAPP' holds no secret" in text
    assert "FILE:7:5: sources.leads.token:" in text
    assert "secrets.token_urlsafe" in text


@pytest.mark.parametrize("token", ["short", "spaces are not for urls", "a/b/c/d/e/f/g/h/i", "ãããããããããããããããã"])
def test_a_token_that_can_be_guessed_or_fits_no_url_is_refused_without_showing_it(tmp_path: Path, token: str) -> None:
    """The URL is the only secret of a hook."""
    text = told(tmp_path, SOURCES, ENVIRON | {"HOOK_TOKEN_LEADS": token})
    assert "FILE:7:5: sources.leads.token: " in text
    assert token not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "FILE:1:1: the file: must be a mapping"),
        ("- a\n", "FILE:1:1: the file: must be a mapping"),
        ("source: {}\n", "FILE:1:1: source: no such field"),
        ("sources: [a]\n", "FILE:1:1: sources: must be a mapping"),
        ("sources:\n  Shop: {}\n", "FILE:2:3: sources.Shop: a name is a small letter"),
        ("sources:\n  a:\n    trigger: x\n    tokn: 1\n", "FILE:4:5: sources.a.tokn: no such field"),
        (
            "sources:\n  a:\n    trigger: closum.lead.craeted\n    token: { env: A }\n",
            "FILE:3:14: sources.a.trigger: there is no trigger 'closum.lead.craeted'; did you mean 'closum.lead.cr",
        ),
        (
            "sources:\n  a:\n    trigger: x\n    token: { env: A }\n",
            "there is closum.contact.updated, closum.email.event, closum.lead.created, ",
        ),
        (
            "sources:\n  a:\n    trigger: closum.lead.created\n    token: { env: A, file: b }\n",
            "FILE:4:5: sources.a.token: a secret is either { env: NAME } or { file: PATH }",
        ),
        (
            LEAD + "    deduplicate: { within: soon }\n",
            "FILE:5:28: sources.a.deduplicate.within: 'soon' is no duration",
        ),
        (
            LEAD + "    deduplicate: { within: 100ms }\n",
            "FILE:5:28: sources.a.deduplicate.within: Input should be greater",
        ),
        (LEAD + "    deduplicate: { within: 367d }\n", "FILE:5:28: sources.a.deduplicate.within: Input should be less"),
        (
            "sources:\n  a:\n    schedule: { every: 1h }\n    deduplicate: { within: 1d }\n",
            "FILE:2:3: sources.a: deduplicate: each time of a schedule has an id of its own",
        ),
        ("sources:\n  a: {\n", "FILE:3:1: this is not YAML"),
        ("a: 1\na: 2\n", "FILE:2:1: this key stands in its mapping already"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    """File, line, place and remedy; never a stack trace."""
    assert expected in told(tmp_path, text)


def test_a_token_written_into_the_file_is_not_repeated(tmp_path: Path) -> None:
    """Errors are read by more people than the file."""
    text = told(tmp_path, f"sources:\n  a:\n    trigger: closum.lead.created\n    token: {TOKEN}\n")
    assert "a secret never stands in this file" in text
    assert TOKEN not in text


def test_a_file_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    """So that one knows where to look."""
    with pytest.raises(SettingsError, match=r"FLOWS_SOURCES_FILE=.*cannot be read: No such file"):
        load(tmp_path / "none.yaml")


def test_a_gateway_that_nobody_can_use_does_not_start() -> None:
    """Neither hooks nor the token of /v1/events: a mistake, not a wish. The token alone is enough."""
    with pytest.raises(SettingsError, match="FLOWS_SOURCES_FILE and FLOWS_EVENTS_TOKENS_FILE"):
        sources(IngestSettings(events_token=None, sources_file=None))
    assert len(sources(IngestSettings(events_token="x" * 16, sources_file=None)).hooks) == 0
