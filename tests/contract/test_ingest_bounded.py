"""What a stranger's body costs is bounded by what is answered: a few hundred bytes must not stop the loop."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import BaseModel

from contracts.actions import ActionRequest
from contracts.events import Event
from contracts.faults import MOST_BUILT, first_faults
from contracts.triggers.registry import TRIGGERS
from services.actions.attempt.perform import checked
from services.actions.outcome import Failed
from services.flows.declared_triggers import Places, declared
from services.flows.schema_from_example import schema_of
from services.ingest.sources.load import load
from services.project.catalogue import ACTIONS, catalogue
from services.runtime.documents import json_schema
from tests.support.ingest import LEADS, application, client

MOST = 262_144
SECONDS = 0.2
TRIES = 3  # the first pays for what is made once, and another process may have had the caches
"""Of processor time, for any body. Before its faults were bounded, one of 325 bytes took up to 1.6."""
TOKEN = "token-0123456789abcdef"
FILE = """\
sources:
  lead: { trigger: closum.lead.created, token: { env: T } }
  contact: { trigger: closum.contact.updated, token: { env: T } }
  cloud: { platform: whatsapp_cloud, token: { env: T } }
  typed:
    token: { env: T }
    schema:
      type: object
      properties:
        tags: { type: array, items: { type: string } }
        notes: { additionalProperties: { type: string, pattern: "^a" } }
"""


def many(item: bytes, begin: bytes = b"", end: bytes = b"") -> bytes:
    """As many of an item as a body can hold."""
    return begin + b",".join([item] * ((MOST - len(begin) - len(end)) // (len(item) + 1))) + end


def named() -> bytes:
    """An object with as many wrong values as fit."""
    return orjson.dumps({"notes": {str(number): 1 for number in range(MOST // 10)}})[:MOST]


FORM = b'--b\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nx\r\n'
CLOUD = b'{"object":"whatsapp_business_account","entry":[{"changes":[{"value":{"%s":['
HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "list of a lead": ("lead", many(b"{}", b'{"email":"a@b.pt","tags":[', b"]}"), "application/json"),
    "list of a contact": ("contact", many(b"{}", b'{"email":"a@b.pt","tags":[', b"]}"), "application/json"),
    "changes of a contact": ("contact", many(b"{}", b'{"email":"a@b.pt","changes":[', b"]}"), "application/json"),
    "list of a schema": ("typed", many(b"{}", b'{"tags":[', b"]}"), "application/json"),
    "object of a schema": ("typed", named(), "application/json"),
    "messages": ("cloud", many(b'{"from":"1"}', CLOUD % b"messages", b"]}}]}]}"), "application/json"),
    "statuses": ("cloud", many(b"{}", CLOUD % b"statuses", b"]}}]}]}"), "application/json"),
    "empty changes": ("cloud", many(b"{}", CLOUD % b"other", b"]}}]}]}"), "application/json"),
    "batch": ("lead", many(b"{}", b"[", b"]"), "application/cloudevents-batch+json"),
    "batch of others": ("lead", many(b"{}", b"[", b"]"), "application/json"),
    "files": ("lead", FORM * (MOST // len(FORM)) + b"--b--\r\n", "multipart/form-data; boundary=b"),
    "fields": ("lead", b"a[]=&" * (MOST // 5), "application/x-www-form-urlencoded"),
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources."""
    path = tmp_path_factory.mktemp("bounded") / "sources.yaml"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_refusal_costs_what_it_says_and_no_more(name: str, file: Path) -> None:
    """Whatever is wrong how often: at most 50 faults are told, in bounded time, also of a body that was compressed."""
    source, body, kind = HOSTILE[name]
    app, _ = application(load(file, {"T": TOKEN}))
    async with client(app) as http:
        took = []
        for _ in range(TRIES):
            began = time.process_time()
            answer = await http.post(
                f"/v1/hooks/{source}/{TOKEN}",
                content=gzip.compress(body),
                headers={"Content-Type": kind, "Content-Encoding": "gzip"},
            )
            took.append(time.process_time() - began)
    assert (answer.status_code in {202, 400, 413, 422}, len(answer.json().get("errors", ())) <= 50) == (True, True)
    assert min(took) < SECONDS, f"{took} s, {answer.text[:200]}"


async def test_few_faults_are_all_told() -> None:
    """The bound takes nothing from an honest sender."""
    app, _ = application()
    async with client(app) as http:
        answer = await http.post(LEADS, json={"email": {}, "name": [], "tags": ["a", {}, {}]})
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"/email", "/name", "/tags/1"}
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY


def test_a_schema_tells_all_faults_of_a_small_value_and_the_first_of_a_large_one() -> None:
    """The library builds all of them before it gives the first."""
    validator = json_schema.validator({"items": {"type": "string"}})
    assert len(json_schema.faults(validator, [1] * 100, 50)) == 50
    assert [place for _, place in json_schema.faults(validator, ["a"] * 2000 + [1, 2], 50)] == [(2000,)]
    assert json_schema.faults(validator, ["a"] * 2000, 50) == []


def test_too_many_faults_of_a_model_are_counted_and_not_built() -> None:
    """Inputs of an action come from what a stranger sent: a dict of 20,000 wrong values has 80,000 faults."""
    action = ACTIONS["http.request"]
    given = {"method": "POST", "url": "/a", "form": {str(number): [] for number in range(20_000)}}
    took = SECONDS
    for _ in range(TRIES):
        began = time.process_time()
        said = checked(action, given)
        took = min(took, time.process_time() - began)
    assert isinstance(said, Failed)
    assert ("values are wrong" in said.cause, took < SECONDS) == (True, True), (took, said.cause[:100])


class Loose(BaseModel):
    """A model whose list does not stop at its first fault."""

    items: list[int]


@pytest.mark.parametrize(("count", "told"), [(3, 3), (MOST_BUILT, 50), (MOST_BUILT + 1, 1)])
def test_first_faults(count: int, told: int) -> None:
    """At most as many as are asked for; of too many one that says how many there are. Never a value."""
    with pytest.raises(ValueError, match="items") as caught:
        Loose.model_validate({"items": ["secret"] * count})
    found = first_faults(caught.value, 50)  # type: ignore[arg-type]  # pydantic's error is a ValueError
    assert (len(found), "secret" in str(found)) == (told, False)


def lists(schema: object, seen: set[int]) -> Iterator[dict[str, Any]]:
    """The lists of a model whose items can be wrong, with that as pydantic has it."""
    if isinstance(schema, dict) and id(schema) not in seen:
        seen.add(id(schema))
        items = schema.get("items_schema")
        if schema.get("type") in ("list", "set", "frozenset") and items and items["type"] != "any":
            yield schema
        for name, inner in schema.items():
            if name not in {"serialization", "metadata"}:
                yield from lists(inner, seen)
    elif isinstance(schema, list | tuple):
        for inner in schema:
            yield from lists(inner, seen)


MODELS: list[type[BaseModel]] = [
    Event,
    ActionRequest,
    *TRIGGERS.values(),
    *(tool.inputs for tool in catalogue().tools.values()),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.__module__}.{model.__name__}")
def test_a_list_of_a_model_stops_at_its_first_fault_or_is_short(model: type[BaseModel]) -> None:
    """So that a sender is told which, and not only how many."""
    long = [
        each
        for each in lists(model.__pydantic_core_schema__, set())
        if not each.get("fail_fast") and (each.get("max_length") or MOST_BUILT + 1) > MOST_BUILT
    ]
    assert not long


def test_a_declared_trigger_tells_bounded_faults_of_what_it_was_made_from() -> None:
    """A schema made from an example as well."""
    example = {"tags": ["a"], "id": 1}
    model = declared("webhook.x", schema_of(example), Places(), example)
    took = SECONDS
    for _ in range(TRIES):
        began = time.process_time()
        with pytest.raises(ValueError, match="webhook"):
            model.read({"tags": [{}] * 80_000})
        took = min(took, time.process_time() - began)
    assert took < SECONDS
