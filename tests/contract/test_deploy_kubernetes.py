"""The Kubernetes manifests: valid, restricted, complete, and every setting and command is one that our code knows."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from services.ingest.settings import IngestSettings
from services.runtime import settings
from tests.support.deployment import (
    CONFIG,
    HEALTH_PORTS,
    KINDS,
    KUBERNETES,
    Document,
    assert_it_runs,
    configmaps,
    containers,
    documents,
    manifests,
    ours,
    pods,
    secret_places,
    secrets,
)

WRITABLE = "/tmp"  # noqa: S108 - a volume of the pod's own
MANIFESTS = manifests()
FILES = MANIFESTS["files"]
# The oldest version that we promise (a preStop hook may sleep since 1.30), one between, and the newest that is known.
VERSIONS = ("1.30", "1.33", "1.37")
PODS = dict(pods(FILES))
SECRETS = secrets()
CONFIGMAPS = configmaps()


def of_kind(kind: str) -> list[Document]:
    """The objects of a kind."""
    return [document for document in FILES if document["kind"] == kind]


def container_of(role: str) -> Document:
    """The one container of a service's pods."""
    (container,) = containers(PODS[role])
    return container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("objects", MANIFESTS.values(), ids=MANIFESTS.keys())
def test_every_object_is_valid(objects: list[Document], version: str) -> None:
    """By Kubernetes' own schemas, strictly: an unknown field is a fault."""
    assert len(objects) > 10
    for document in [*objects, *documents(KUBERNETES / "secret.example.yaml")]:
        kubernetes_validate.validate(document, version, strict=True)


def test_an_unknown_field_would_be_found() -> None:
    """The test above can fail."""
    wrong = {**of_kind("Deployment")[0], "replicas": 2}
    with pytest.raises(kubernetes_validate.ValidationError, match="replicas"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_the_kustomization_lists_every_file() -> None:
    """None is forgotten, none is missing; the example of secrets is never applied."""
    kustomization = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    listed = set(kustomization["resources"]) - {"../config"}
    there = {file.name for file in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    assert listed == there
    assert kustomization["namespace"] == of_kind("Namespace")[0]["metadata"]["name"]


def test_the_cluster_enforces_what_we_promise() -> None:
    """Also for pods that an overlay adds."""
    assert of_kind("Namespace")[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", PODS)
def test_pods_are_restricted(name: str) -> None:
    """The Pod Security Standard `restricted`, and beyond: a read-only root, no token, no injected variables.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    spec = PODS[name]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    for volume in spec["volumes"]:
        assert {"configMap", "secret", "emptyDir"} & volume.keys(), volume
    for container in containers(PODS[name]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        assert WRITABLE in {mount["mountPath"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("name", PODS)
def test_what_a_pod_refers_to_exists(name: str) -> None:
    """Config maps that are generated, secrets that the example shows, volumes that are declared."""
    spec = PODS[name]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for volume in volumes.values():
        assert volume.get("configMap", {}).get("name", "flows-config") in CONFIGMAPS
        assert volume.get("secret", {}).get("secretName", "flows-database") in SECRETS
    for container in containers(PODS[name]):
        assert container["image"] == "closum-flows"
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
        for source in container["envFrom"]:
            if "configMapRef" in source:
                assert source["configMapRef"]["name"] in CONFIGMAPS
            else:
                assert source["secretRef"]["name"] in SECRETS
    account = spec["serviceAccountName"]
    assert account == of_kind("ServiceAccount")[0]["metadata"]["name"]


def environment(container: Document) -> dict[str, str]:
    """The environment of a container, with the secrets of the example."""
    given: dict[str, str] = {}
    for source in container["envFrom"]:
        given |= (
            CONFIGMAPS[source["configMapRef"]["name"]]
            if "configMapRef" in source
            else SECRETS[source["secretRef"]["name"]]
        )
    for entry in container.get("env", ()):
        given[entry["name"]] = entry.get("value", "a-pods-name")
    return given


@pytest.mark.parametrize("role", KINDS)
def test_settings_are_right(role: str) -> None:
    """Each FLOWS_* is a setting, and the values load. Health is served to the cluster, on the port that is declared."""
    loaded = settings.load(KINDS[role], ours(environment(container_of(role))))
    assert loaded.health_host == "0.0.0.0"
    assert loaded.health_port == HEALTH_PORTS[role]
    assert loaded.instance_id == "a-pods-name"
    ports = {port["name"]: port["containerPort"] for port in container_of(role)["ports"]}
    assert ports["health"] == loaded.health_port
    if isinstance(loaded, IngestSettings):
        assert ports["http"] == loaded.ingest_port


def test_settings_of_the_setup_are_known() -> None:
    """The job reads the same settings."""
    for container in containers(PODS["flows-setup"]):
        settings.load(settings.RuntimeSettings, ours(environment(container)))


@pytest.mark.parametrize(("role", "file"), [("ingest", "sources.yaml"), ("actions", "connections.yaml")])
def test_a_configuration_file_is_mounted_and_its_secrets_given(role: str, file: str) -> None:
    """The setting names a file of the config map, and the pod has every secret that the file names."""
    container = container_of(role)
    given = environment(container)
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert f"{mounts['config']}/{file}" in given.values()
    assert file in CONFIGMAPS["flows-config"]
    variables, paths = secret_places(CONFIG / file)
    assert variables <= given.keys()
    assert paths == {f"{mounts['secrets']}/{key}" for key in SECRETS["flows-actions-files"]} if paths else True


def test_tools_runs_the_flows_that_are_deployed() -> None:
    """So that a run that waits for days ends on the version that it began on, whatever is changed meanwhile."""
    assert "FLOWS_FLOWS_DIR" not in environment(container_of("tools"))


@pytest.mark.parametrize("role", KINDS)
def test_probes_ask_what_is_served(role: str) -> None:
    """Alive by /livez, ready by /readyz, on the health port; time to stop is longer than time to drain."""
    container = container_of(role)
    ports = {port["name"] for port in container["ports"]}
    probes = {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }
    for probe, path in probes.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "health"}
    assert "health" in ports
    assert container["readinessProbe"]["timeoutSeconds"] > 2, "a check of Kafka may take 2 s"
    assert PODS[role]["spec"]["terminationGracePeriodSeconds"] > settings.load(KINDS[role], {}).drain_seconds


@pytest.mark.parametrize("name", PODS)
def test_every_command_runs(name: str) -> None:
    """Each `python -m` names a module that can be run, each `flows` a command that exists."""
    for container in containers(PODS[name]):
        assert_it_runs(container["args"])


def test_workers_have_stable_names_and_ingest_needs_none() -> None:
    """Kafka's static membership: docs/decisions/stateful-sets.md."""
    workloads = {
        document["metadata"]["name"]: document["kind"]
        for document in FILES
        if document["kind"] in {"Deployment", "StatefulSet"}
    }
    assert workloads == {"ingest": "Deployment", "tools": "StatefulSet", "actions": "StatefulSet"}
    services = {document["metadata"]["name"]: document["spec"] for document in of_kind("Service")}
    for stateful in of_kind("StatefulSet"):
        assert services[stateful["spec"]["serviceName"]]["clusterIP"] == "None"


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether a selector matches labels."""
    return bool(selector) and selector.items() <= labels.items()


@pytest.mark.parametrize("role", KINDS)
def test_selectors_match_the_pods(role: str) -> None:
    """Of the workload itself, of its Service and its disruption budget; ports that a Service names exist."""
    labels: dict[str, str] = PODS[role]["metadata"]["labels"]
    objects: dict[str, Any] = {d["kind"]: d["spec"] for d in FILES if d["metadata"]["name"] == role}
    workload = objects.get("Deployment") or objects["StatefulSet"]
    assert selects(workload["selector"]["matchLabels"], labels)
    assert selects(objects["Service"]["selector"], labels)
    assert selects(objects["PodDisruptionBudget"]["selector"]["matchLabels"], labels)
    ports = {port["name"] for port in container_of(role)["ports"]}
    assert {port["targetPort"] for port in objects["Service"]["ports"]} <= ports
    annotations = PODS[role]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(HEALTH_PORTS[role])


def test_network_policies_name_roles_and_ports_that_exist() -> None:
    """All is closed first; a policy that matches nothing would open nothing."""
    policies = {document["metadata"]["name"]: document["spec"] for document in of_kind("NetworkPolicy")}
    assert policies["closed"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert policies["metrics"]["podSelector"]["matchExpressions"][0]["values"] == list(KINDS)
    for role in ("ingest", "actions"):
        assert selects(policies[role]["podSelector"]["matchLabels"], PODS[role]["metadata"]["labels"])
    named = {
        port["port"] for policy in policies.values() for rule in policy.get("ingress", ()) for port in rule["ports"]
    }
    assert named <= {port["name"] for role in KINDS for port in container_of(role)["ports"]}
