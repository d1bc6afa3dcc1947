"""Requests made by schemathesis from our own OpenAPI document, right ones and wrong ones, against a real gateway.

Its sources are `sources()`: those with a token in the path, and those whose senders sign, which these requests do.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.support.ingest import BEARER, EVENTS_TOKEN, LEADS_TOKEN, SOURCES, TOKEN
from tests.support.signing import ENVIRON, SIGNED_SOURCES, SIGNERS, VERIFY, Signed

HOOKS = (("whatsapp", TOKEN), ("leads", LEADS_TOKEN))
SIGNED = tuple(SIGNERS)
SIGNED_PATH = "/v1/hooks/{source}"
PROMISES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def sources(folder: Path) -> dict[str, str]:
    """Write the sources file into the folder; what the gateway's environment needs for it, beside what it has."""
    (folder / "sources.yaml").write_text(SOURCES + SIGNED_SOURCES)
    return dict(ENVIRON)


def fuzz(url: str, examples: int, first_seed: int = 1) -> Counter[str]:
    """Make so many examples for each operation and mode; answers by operation and status.

    Raises what schemathesis raises, with the request to repeat it by, when an answer is not what the document promises.
    """
    document = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=BEARER)
    load_all_checks()
    checks = CHECKS.get_by_names(list(PROMISES))
    seen: Counter[str] = Counter()
    with requests.Session() as session:
        session.trust_env = False
        for found in document.get_all_operations():
            operation: Any = cast("Any", found).ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

                @seed(first_seed)
                @settings(
                    max_examples=examples,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(operation.as_strategy(generation_mode=mode))
                def one(case: Any) -> None:
                    proof = _aimed(case, seen.total())
                    response = case.call(session=session, timeout=20, auth=proof)
                    seen[f"{case.method} {case.path} {response.status_code}"] += 1
                    case.validate_response(response, checks=checks)

                with suppress(Unsatisfiable):  # an operation that nothing can be wrong with
                    one()
    return seen


def _aimed(case: Any, number: int) -> Signed | None:
    """Most requests name a hook that is there and prove their sender: the others end at the door."""
    if number % 8 == 0:
        return None
    if case.path == SIGNED_PATH:
        source = SIGNED[number % len(SIGNED)]
        case.path_parameters = {"source": source}
        if case.method == "GET" and number % 2:
            case.path_parameters = {"source": "meta"}
            case.query = {**(case.query or {}), "hub.mode": "subscribe", "hub.verify_token": VERIFY}
        return Signed(source) if case.method == "POST" else None
    if "source" in (case.path_parameters or {}):
        source, token = HOOKS[number % 2]
        case.path_parameters = {**case.path_parameters, "source": source, "token": token}
    elif case.path.startswith("/v1/events"):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {EVENTS_TOKEN}"}
        if "id" in (case.path_parameters or {}):
            case.path_parameters = {"id": quote(str(case.path_parameters["id"]), safe="") or "x"}
    return None


def server_errors(seen: Counter[str]) -> list[str]:
    """The answers that must not be."""
    least = HTTPStatus.INTERNAL_SERVER_ERROR.value
    return [answer for answer in seen if int(answer.rsplit(" ", 1)[1]) >= least]
