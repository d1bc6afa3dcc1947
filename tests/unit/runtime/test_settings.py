"""Settings: a wrong one stops the start with its name, its fault and the remedy, and never with its secret."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from services.actions.settings import ActionsSettings
from services.ingest.settings import IngestSettings
from services.project.declarations import SETTINGS
from services.runtime import settings
from services.runtime.settings import RuntimeSettings, SettingsError
from services.tools.settings import ToolsSettings


def refusal(kind: type[RuntimeSettings], **environ: str) -> str:
    """The text that the environment is refused with."""
    with pytest.raises(SettingsError) as caught:
        settings.load(kind, environ)
    return str(caught.value)


@pytest.mark.parametrize("kind", SETTINGS)
def test_every_setting_has_a_default_and_a_description(kind: type[RuntimeSettings]) -> None:
    """Nothing set is right everywhere, and each setting is explained."""
    settings.load(kind, {})
    for name, info in kind.model_fields.items():
        assert info.description, name


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("FLOWS_LOGLEVEL", "FLOWS_LOG_LEVEL"),
        ("FLOWS_BATCHSIZE", "FLOWS_BATCH_SIZE"),
        ("FLOWS_CONNECTION_FILE", "FLOWS_CONNECTIONS_FILE"),
        ("FLOWS_EVENT_TOKEN", "FLOWS_EVENTS_TOKEN"),
        ("FLOWS_DATABASE_URL", ""),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_right_name(wrong: str, right: str) -> None:
    """A misspelled setting never goes unseen."""
    text = refusal(ToolsSettings, **{wrong: "1"})
    assert text.startswith(f"{wrong}: no such setting")
    assert right in text


def test_a_setting_of_another_service_is_no_fault() -> None:
    """One file of settings serves all services together."""
    assert settings.load(ToolsSettings, {"FLOWS_INGEST_PORT": "1234"}).batch_size == 500


def test_every_fault_is_told_at_once() -> None:
    """A person corrects all of them in one go."""
    text = refusal(
        ToolsSettings,
        FLOWS_BATCHSIZE="1",
        FLOWS_BATCH_SIZE="many",
        FLOWS_LOG_LEVEL="loud",
        KAFKA_BOOTSTRAP="kafka",
        DATABASE_URL="mysql://flows@db/flows",
    )
    lines = text.splitlines()
    assert len(lines) == 5
    assert [line.split("=")[0].split(":")[0] for line in lines] == [
        "FLOWS_BATCHSIZE",
        "KAFKA_BOOTSTRAP",
        "DATABASE_URL",
        "FLOWS_LOG_LEVEL",
        "FLOWS_BATCH_SIZE",
    ]


def test_a_refusal_names_variable_value_fault_and_meaning() -> None:
    """What is wrong can be corrected without reading anything else."""
    text = refusal(RuntimeSettings, FLOWS_LOG_LEVEL="loud")
    assert text == (
        "FLOWS_LOG_LEVEL='loud': Input should be 'debug', 'info', 'warning' or 'error' "
        "(it is: debug, info, warning or error)"
    )


@pytest.mark.parametrize(
    "environ",
    [
        {"DATABASE_URL": "mysql://flows:hunter2@db/flows"},
        {"DATABASE_URL": "postgresql://flows:hunter2@db:5432"},
        {"DATABASE_URL": "postgresql://flows:hunter2#hunter2@db:5432/flows"},
        {"DATABASE_URL": "postgresql://flows:hunter2@db:port/flows"},
        {"FLOWS_EVENTS_TOKEN": "hunter2"},
    ],
)
def test_a_secret_is_never_in_the_refusal(environ: dict[str, str]) -> None:
    """The text goes to logs and terminals."""
    text = refusal(IngestSettings, **environ)
    assert "hunter2" not in text
    assert next(iter(environ)) in text


def test_a_secret_is_never_in_the_settings_text() -> None:
    """Settings may be printed or logged whole."""
    loaded = settings.load(
        IngestSettings, {"DATABASE_URL": "postgresql://f:hunter2@db/f", "FLOWS_EVENTS_TOKEN": "hunter2" * 4}
    )
    assert "hunter2" not in f"{loaded} {loaded!r}"
    assert loaded.database_url == "postgresql://f:hunter2@db/f"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://flows@a:5432,b:5433/flows",
        "postgres://flows:p%23w@127.0.0.1/flows",
        "postgresql:///flows?host=/var/run/postgresql",
    ],
)
def test_the_usual_database_urls_are_taken(url: str) -> None:
    """Several hosts, an encoded password and a socket are right."""
    assert settings.load(RuntimeSettings, {"DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize("brokers", ["kafka", "kafka:", ":9092", "a:1,b", "a:70000", "kafka:nine"])
def test_a_broker_without_a_port_is_refused(brokers: str) -> None:
    """Kafka has no default port that clients assume."""
    assert "is not host:port" in refusal(RuntimeSettings, KAFKA_BOOTSTRAP=brokers)


def test_an_empty_variable_counts_as_not_set() -> None:
    """Compose passes on what nobody set as an empty text."""
    loaded = settings.load(ActionsSettings, {"FLOWS_EGRESS_ALLOW": "", "FLOWS_LOG_LEVEL": "", "KAFKA_BOOTSTRAP": ""})
    assert loaded == settings.load(ActionsSettings, {})


def test_networks_are_read_by_commas() -> None:
    """IPv4 and IPv6, spaces between."""
    loaded = settings.load(ActionsSettings, {"FLOWS_EGRESS_ALLOW": "10.0.0.0/8, fd00::/8"})
    assert loaded.egress_allow == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize("networks", ["10.0.0.1/8", "10.0.0.0/33"])
def test_what_is_no_network_is_refused_in_one_line(networks: str) -> None:
    """One fault is one line, also where two kinds of network were tried."""
    text = refusal(ActionsSettings, FLOWS_EGRESS_ALLOW=networks)
    assert len(text.splitlines()) == 1
    assert networks in text


@pytest.mark.parametrize("level", ["debug", "INFO", "Warning"])
def test_log_levels_are_taken_in_any_case_and_kept_in_lower_case(level: str) -> None:
    """The setting is what `.env.example` says it is."""
    assert settings.load(RuntimeSettings, {"FLOWS_LOG_LEVEL": level}).log_level == level.lower()


def test_a_mapping_replaces_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What load is given is all that it reads; without, it reads the process's variables."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "real:1")
    assert settings.load(RuntimeSettings, {}).kafka_bootstrap == "127.0.0.1:9092"
    assert settings.load(RuntimeSettings).kafka_bootstrap == "real:1"
    assert RuntimeSettings(kafka_bootstrap="mine:2").kafka_bootstrap == "mine:2"


def test_help_names_every_variable_of_the_service() -> None:
    """--help teaches: variable, default, meaning."""
    text = settings.help_text(ToolsSettings)
    for field, info in ToolsSettings.model_fields.items():
        assert settings.variable(ToolsSettings, field) in text
        assert str(info.description) in text


def test_env_example_read_back_gives_the_defaults() -> None:
    """Every line of `.env.example` is a right setting, and says the default."""
    pairs = [
        line.removeprefix("# ").partition("=")[::2]
        for line in settings.env_example(SETTINGS).splitlines()
        if line.startswith(("# FLOWS_", "# KAFKA_BOOTSTRAP=", "# DATABASE_URL="))
    ]
    environ = dict(pairs)
    assert set(environ) == settings.known_variables()
    for kind in SETTINGS:
        assert settings.load(kind, environ) == settings.load(kind, {})
