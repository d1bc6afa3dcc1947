"""docker-compose.yml: valid, complete, and every setting and command in it is one that our code knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from contracts.triggers.registry import TRIGGERS
from services.runtime import settings
from services.runtime.settings import SettingsError
from tests.support.deployment import (
    CONFIG,
    HEALTH_PORTS,
    KINDS,
    ROOT,
    VARIABLE,
    assert_it_runs,
    commands,
    expanded,
    ours,
    secret_places,
)

TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
# The validator does not know YAML's merge key, which Compose does.
MERGED = yaml.safe_dump(COMPOSE)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = [name for name, service in SERVICES.items() if service["image"] == "closum-flows"]
EXAMPLE = (CONFIG / "compose.env.example").read_text()
FILLED = dict.fromkeys(re.findall(r"(?m)^(\w+)=$", EXAMPLE), "filled")


def test_it_is_a_compose_file() -> None:
    """By the specification's schema: no unknown key, no undefined network."""
    PyCompose.from_yaml(MERGED).validate()


def test_an_unknown_key_would_be_found() -> None:
    """The test above can fail."""
    with pytest.raises(Exception, match="imagee"):
        PyCompose.from_yaml(MERGED.replace("image: postgres", "imagee: postgres")).validate()


def test_what_a_service_waits_for_exists_and_can_become_true() -> None:
    """Neither the schema nor Compose's parser looks: an undefined name is found at start only."""
    for name, service in SERVICES.items():
        for other, need in service.get("depends_on", {}).items():
            assert other in SERVICES, name
            if need["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], other
            else:
                assert need["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] == "no"


def test_what_is_mounted_exists() -> None:
    """Folders of this repository, read-only; volumes and secrets that are declared."""
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source, target = str(mount).split(":", 1)
            if source.startswith("./"):
                assert (ROOT / source).exists(), name
                assert target.endswith(":ro"), name
            else:
                assert source in COMPOSE["volumes"], name
        for secret in service.get("secrets", ()):
            assert secret in COMPOSE["secrets"], name


def test_every_image_has_a_version() -> None:
    """Ours is built here; the others do not change under our feet."""
    for service in SERVICES.values():
        assert service["image"] == "closum-flows" or re.search(r":v?\d", service["image"]), service["image"]


def test_ours_are_locked_in() -> None:
    """Read-only, no capabilities, no new rights."""
    for name in OWN:
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_only_hooks_are_open_to_others() -> None:
    """All other published ports listen on the loopback address."""
    public = {
        port for service in SERVICES.values() for port in service.get("ports", ()) if not port.startswith("127.0.0.1:")
    }
    assert public == {"8080:8080"}


def test_what_must_be_set_stands_in_the_example() -> None:
    """compose.env.example asks for exactly what Compose would refuse to start without; no secret has a default."""
    must = {found["name"] for found in VARIABLE.finditer(TEXT) if found["how"] == "?"}
    assert must == FILLED.keys()
    may = {found["name"] for found in VARIABLE.finditer(TEXT) if found["how"] != "?"}
    assert set(re.findall(r"(?m)^# (\w+)=", EXAMPLE)) <= may


def environment(name: str, environ: dict[str, str]) -> dict[str, str]:
    """The environment of a service, and what its shell line adds."""
    given = {key: expanded(value, environ) for key, value in SERVICES[name].get("environment", {}).items()}
    line = " ".join(SERVICES[name]["command"])
    return given | {key: value.strip('"') for key, value in re.findall(r"(FLOWS_\w+)=(\S+)", line)}


@pytest.mark.parametrize("role", KINDS)
@pytest.mark.parametrize("more", ["", "stand-in"])
def test_settings_are_right(role: str, more: str) -> None:
    """Each FLOWS_* is a setting, and the values load: as delivered, and as the example says for the stand-in."""
    tried = dict(re.findall(r"(?m)^# (\w+)=(\S+)$", EXAMPLE)) if more else {}
    given = environment(role, FILLED | tried)
    loaded = settings.load(KINDS[role], ours(given))
    assert loaded.health_port == HEALTH_PORTS[role]
    assert loaded.health_host == "0.0.0.0"
    assert loaded.database_url == "postgresql://flows:filled@postgres:5432/flows"


def test_a_wrong_setting_would_be_found() -> None:
    """The test above can fail."""
    with pytest.raises(SettingsError):
        settings.load(KINDS["tools"], ours(environment("tools", FILLED) | {"FLOWS_FLOW_DIR": "/x"}))


def test_every_setting_of_every_service_is_known() -> None:
    """Also those of services that are not a role, such as the migration."""
    for name in OWN:
        for variable in environment(name, FILLED):
            assert not variable.startswith("FLOWS_") or variable in settings.known_variables(), name


@pytest.mark.parametrize(
    ("role", "files"),
    [
        ("ingest", ["deploy/config/sources.yaml", "examples/sources.yaml"]),
        ("actions", ["deploy/config/connections.yaml", "deploy/config/connections.stand-in.yaml"]),
    ],
)
def test_the_files_of_settings_are_mounted_and_their_secrets_given(role: str, files: list[str]) -> None:
    """What a configuration file takes from the environment or from a file is there in the container."""
    service = SERVICES[role]
    mounted = {str(mount).split(":")[0].removeprefix("./") for mount in service["volumes"]}
    for file in files:
        assert mounted & {file, file.rpartition("/")[0]}
        variables, paths = secret_places(ROOT / file)
        assert variables <= service["environment"].keys()
        assert paths == {f"/run/secrets/{secret}" for secret in service.get("secrets", ())}


def test_sources_name_triggers_that_exist() -> None:
    """Each hook's events can be read."""
    sources = yaml.safe_load((CONFIG / "sources.yaml").read_text())["sources"]
    assert {source["trigger"] for source in sources.values()} <= TRIGGERS.keys()


def test_both_connections_files_have_the_same_names() -> None:
    """A flow that works with the stand-in finds its connections with the real one."""
    real, tried = (
        yaml.safe_load((CONFIG / name).read_text())["connections"]
        for name in ("connections.yaml", "connections.stand-in.yaml")
    )
    assert real.keys() == tried.keys()


@pytest.mark.parametrize("name", OWN)
def test_every_command_runs(name: str) -> None:
    """Each `python -m` names a module that can be run, each `flows` a command that exists."""
    for command in commands(SERVICES[name]["command"]):
        assert_it_runs(command)


@pytest.mark.parametrize("role", KINDS)
def test_health_is_asked_where_it_is_served(role: str) -> None:
    """/readyz on the service's own health port; longer to stop than to drain."""
    check = " ".join(SERVICES[role]["healthcheck"]["test"])
    assert f":{HEALTH_PORTS[role]}/readyz" in check
    assert SERVICES[role]["healthcheck"]["start_period"]
    grace = int(SERVICES[role]["stop_grace_period"].removesuffix("s"))
    assert grace > settings.load(KINDS[role], {}).drain_seconds


def test_prometheus_scrapes_the_health_ports() -> None:
    """By the names of the Compose services."""
    jobs = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    found = {(job["job_name"], *lookup["names"], lookup["port"]) for job in jobs for lookup in job["dns_sd_configs"]}
    assert found == {(role, role, port) for role, port in HEALTH_PORTS.items()}


def test_grafana_finds_its_dashboard_and_its_source() -> None:
    """Provisioning names the folder that is mounted, and the uid that panels use."""
    provisioning = ROOT / "deploy/grafana/provisioning"
    provider = yaml.safe_load((provisioning / "dashboards/flows.yml").read_text())["providers"][0]
    mounts = dict(mount.split(":")[:2] for mount in SERVICES["grafana"]["volumes"])
    assert mounts["./deploy/grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / "deploy/grafana/dashboards" / home.name).is_file()
    source = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"][0]
    assert source["uid"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
