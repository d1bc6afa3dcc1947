"""Each preset of a connection: it loads, is probed without harm, and says from which document each thing is known."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import stripe.params

from services.actions.catalog.http_request import Inputs, body_of
from services.actions.connections.presets import PRESETS
from services.actions.connections.presets.preset import NO_SEARCH, ConnectionPreset
from services.flows.catalogue import Guarantee
from services.project.source_presets import PRESETS as SOURCES
from services.runtime.documents import json_schema
from services.runtime.documents.evidence import NOT_READ, Known
from tests.support.presets import NAME, loaded

DOCUMENTS = Path(__file__).parents[1] / "data/openapi"
PLATFORMS = {
    "asana",
    "bitrix24",
    "clickup",
    "google_sheets",
    "hubspot",
    "meta",
    "notion",
    "paypal",
    "pipedrive",
    "salesforce",
    "shopify",
    "slack",
    "stripe",
    "tally",
    "typeform",
    "woocommerce",
    "zoho",
}


def test_all_platforms_are_there() -> None:
    """The sixteen to which Closum has connectors, and HubSpot. Each also has a source, under a name like it."""
    assert PRESETS.keys() == PLATFORMS
    assert {name for name in PLATFORMS if not any(name in source for source in SOURCES)} == set()


@pytest.mark.parametrize("name", PRESETS)
def test_it_is_a_connection(tmp_path: Path, name: str) -> None:
    """What it writes loads, with its secrets in the environment under the connection's name; nothing is missing."""
    preset = PRESETS[name]
    found = loaded(tmp_path, preset)
    assert found.base_url == preset.entry["base_url"].rstrip("/")
    assert found.headers or found.oauth2 is not None
    assert all(variable.startswith(f"CONNECTION_{NAME.upper()}_") for variable in preset.variables(NAME))
    if preset.signs_in:
        assert found.oauth2 is not None
        assert found.oauth2.sign_in is not None


@pytest.mark.parametrize("name", PRESETS)
def test_its_probe_does_no_harm(tmp_path: Path, name: str) -> None:
    """It reads. Slack's `auth.test` is a POST by name only."""
    probe = loaded(tmp_path, PRESETS[name]).probe
    assert probe is not None
    assert probe.method == "GET" or (name, probe.path) == ("slack", "/auth.test")


@pytest.mark.parametrize("name", PRESETS)
def test_everything_is_known_from_somewhere(name: str) -> None:
    """Each part once, by a document; nothing else is claimed."""
    preset = PRESETS[name]
    told = [what for one in preset.evidence for what in one.of]
    assert sorted(told) == sorted(preset.parts)
    for one in preset.evidence:
        assert one.document.startswith("https://")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", one.read) or (one.known, one.read) == (Known.ASSUMED, NOT_READ)
    assert all(preset.told(what) for what in preset.parts)


def test_most_is_more_than_assumed() -> None:
    """At most a third is assumed; who reads more documents makes it less."""
    facts = [one.known for preset in PRESETS.values() for one in preset.facts.values()]
    assert facts.count(Known.ASSUMED) * 3 <= len(facts)


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if one.creation is not None])
def test_its_creation_is_a_step(tmp_path: Path, name: str) -> None:
    """It is what `http.request` takes, is made once or under a key, and can be asked about where the preset says so."""
    preset = PRESETS[name]
    inputs = Inputs.model_validate(preset.creation)
    inputs.misplaced(NAME)
    guarantee = inputs.guarantee(loaded(tmp_path, preset).idempotency)
    assert (guarantee is Guarantee.KEYED) == ("idempotency" in preset.entry)
    assert inputs.verifiable() == preset.verify.startswith("`GET")


def test_what_cannot_be_asked_is_told() -> None:
    """Where there is no `verify`, the words say why or that it is not needed."""
    for preset in PRESETS.values():
        if preset.creation is None or "verify" not in preset.creation:
            assert preset.verify == NO_SEARCH or re.match(r"it cannot|not ", preset.verify), preset.name


def requests_of(preset: ConnectionPreset) -> list[tuple[str, str, dict[str, Any], Any, str]]:
    """What the preset's creation, its question and the probe ask: method, path, query, body, its type."""
    probe = preset.entry["probe"]
    path, _, query = probe["path"].partition("?")
    found: list[tuple[str, str, dict[str, Any], Any, str]] = [
        (probe.get("method", "GET"), path, dict(parse_qsl(query)), None, "")
    ]
    creation = dict(preset.creation or {})
    if creation:
        body = body_of(Inputs.model_validate(creation))
        kind = "" if body is None else body.media_type
        found.append((creation["method"], creation["url"], {}, creation.get("json", creation.get("form")), kind))
    if (check := creation.get("verify")) is not None:
        found.append((check.get("method", "GET"), check["url"], check.get("query", {}), None, ""))
    return found


@pytest.mark.parametrize("file", sorted(DOCUMENTS.glob("*.json")), ids=lambda file: file.stem)
def test_its_requests_are_those_of_the_vendor_document(file: Path) -> None:
    """Path, method, query and body are as the vendor's own OpenAPI document has them."""
    document, preset = json.loads(file.read_text()), PRESETS[file.stem]
    assert document["servers"][0]["url"] == preset.entry["base_url"]
    known = 0
    for method, path, query, body, kind in requests_of(preset):
        operation = _operation(document, method, path)
        if operation is None:
            assert path == preset.entry["probe"]["path"].partition("?")[0], f"{method} {path} is not in the document"
            assert preset.facts["probe"].known is not Known.CONFIRMED
            continue
        known += 1
        _checked(operation, query, body, kind)
    assert known >= 2


def _operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any] | None:
    """The exact path first, as OpenAPI says."""
    paths = sorted(document["paths"], key=lambda one: "{" in one)
    for one in paths:
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", one), path) and method.lower() in document["paths"][one]:
            found: dict[str, Any] = document["paths"][one][method.lower()]
            return found
    return None


def _checked(operation: dict[str, Any], query: dict[str, Any], body: Any, kind: str) -> None:
    parameters = {one["name"]: one for one in operation.get("parameters", [])}
    assert query.keys() <= parameters.keys()
    assert {name for name, one in parameters.items() if one["required"]} <= query.keys()
    for name, value in query.items():
        schema = parameters[name]["schema"]
        given = int(value) if schema.get("type") == "integer" else value
        assert json_schema.mismatch(json_schema.validator(schema), given) is None, name
    if body is not None:
        schema = operation["requestBody"]["content"][kind]["schema"]
        assert json_schema.mismatch(json_schema.validator(schema), body) is None


def test_a_field_that_a_vendor_does_not_know_is_found() -> None:
    """The comparison can fail."""
    document = json.loads((DOCUMENTS / "pipedrive.json").read_text())
    operation = _operation(document, "POST", "/persons")
    assert operation is not None
    with pytest.raises(AssertionError):
        _checked(operation, {}, {"nome": "Inês"}, "application/json")
    assert _operation(document, "POST", "/people") is None


def test_what_stripe_takes_is_what_its_library_takes() -> None:
    """The library is made from Stripe's OpenAPI document of its release; ours is read from it."""
    document = json.loads((DOCUMENTS / "stripe.json").read_text())
    ours = document["paths"]["/customers"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    creation = PRESETS["stripe"].creation
    assert creation is not None
    known = set(stripe.params.CustomerCreateParams.__annotations__)
    assert set(ours["schema"]["properties"]) <= known
    assert {name.partition("[")[0] for name in creation["form"]} <= known
