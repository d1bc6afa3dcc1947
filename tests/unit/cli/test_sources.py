"""`flows sources`: one example makes a typed trigger."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

from services.cli.commands import sources
from services.cli.terminal import CommandError
from services.flows.schema_from_example import example_of, schema_of
from services.ingest.sources.load import load
from services.project.checking import checked
from services.project.errors import ProjectError
from services.project.source_presets import PRESETS
from services.project.sources_files import triggers

BODY = {
    "order": {"id": 7, "created_at": "2026-01-01T00:00:00Z"},
    "customer": {"email": "a@b.pt", "note": None},
    "items": [{"sku": "x", "price": 1}, {"sku": "y", "price": 1.5, "gift": True}],
}
FLOW = """\
flow: shop
on: webhook.shop
steps:
  - id: mail
    tool: email.normalize
    with: {{ email: "${{ trigger.?customer.?{field}.orValue('') }}" }}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to run in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLOWS_SOURCES_FILE", raising=False)
    (tmp_path / "example.json").write_text(json.dumps(BODY))
    return tmp_path


def test_an_example_becomes_a_typed_trigger(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With id, time and subject found; the checker then knows each field. An order's id is none of its events'."""
    sources.new("shop", sample=[Path("example.json")])
    told = capsys.readouterr().out
    assert "webhook.shop" in told
    assert (
        "id: none (the same content within 10 minutes is one delivery), since /order/id names what it is about" in told
    )
    assert "since /order/id names" in (here / "sources/shop.yaml").read_text()
    model = triggers()["webhook.shop"]
    payload = model.read(BODY)
    assert (payload.own_id(), payload.subject()) == (None, "a@b.pt")
    assert str(payload.happened()) == "2026-01-01 00:00:00+00:00"
    (here / "flows").mkdir()
    for field, count in (("email", 0), ("emial", 1)):
        (here / "flows/shop.yaml").write_text(FLOW.format(field=field))
        faults = checked([here / "flows"]).mistakes
        assert len(faults) == count
    assert "did you mean 'email'" in str(faults[0])


def test_sources_beside_the_flows_are_found(here: Path) -> None:
    """A folder is whole in itself: `sources.yaml` in it is no flow."""
    (here / "flows").mkdir()
    sources.new("shop", sample=[Path("example.json")], to=here / "flows/sources.yaml")
    (here / "flows/shop.yaml").write_text(FLOW.format(field="email"))
    found = checked([here / "flows"])
    assert (len(found.flows), found.mistakes) == (1, ())


def test_what_is_there_is_listed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its fields."""
    sources.new("shop", sample=[Path("example.json")])
    capsys.readouterr()
    sources.list_(as_json=True)
    [row] = json.loads(capsys.readouterr().out)
    assert (row["trigger"], row["fields"]) == ("webhook.shop", ["order", "customer", "items"])
    assert Path(here, row["file"]).exists()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("Shop", "{}", "is no name"),
        ("shop", "[]", "holds no JSON object"),
        ("shop", "{", "is not JSON"),
        ("shop", None, "cannot read"),
    ],
)
def test_a_mistake_is_told(here: Path, name: str, content: str | None, told: str) -> None:
    """Without a stack trace, and nothing is written."""
    if content is not None:
        (here / "x.json").write_text(content)
    with pytest.raises(CommandError, match=told):
        sources.new(name, sample=[Path("x.json")])
    assert not (here / "sources").exists()


def test_nothing_is_written_over() -> None:
    """Somebody has loosened the schema by hand."""
    sources.new("shop", sample=[Path("example.json")])
    with pytest.raises(CommandError, match="is there already"):
        sources.new("shop", sample=[Path("example.json")])


def test_a_wrong_sources_file_is_told_with_its_line(here: Path) -> None:
    """By every command that needs its triggers."""
    (here / "sources.yaml").write_text("sources:\n  shop:\n    schema: { type: string }\n    token: { env: X }\n")
    with pytest.raises(
        ProjectError, match=r"sources.yaml:2:3: error\[value_invalid\]: sources.shop: .*begin with `type: object`"
    ):
        triggers()


def test_a_schema_without_an_example_has_one_to_try() -> None:
    """It fits what an example would have made."""
    made = example_of(schema_of(BODY))
    assert made == {
        "order": {"id": 1, "created_at": "text"},
        "customer": {"email": "text", "note": None},
        "items": [],
    }
    kinds = {"a": {"type": "string", "format": "email"}, "b": {"enum": [3]}, "c": {"const": 4}, "d": True}
    assert example_of({"properties": kinds}) == {"a": "ines@example.com", "b": 3, "c": 4, "d": None}


def test_the_items_of_a_list_are_what_all_of_them_fit() -> None:
    """Fields that some have are not required, whole numbers and others are numbers, what differs is anything."""
    assert schema_of(BODY)["properties"]["items"]["items"] == {
        "type": "object",
        "required": ["sku", "price"],
        "properties": {"sku": {"type": "string"}, "price": {"type": "number"}, "gift": {"type": "boolean"}},
    }
    assert schema_of([1, "x"]) == {"type": "array", "items": {}}
    assert schema_of([]) == {"type": "array", "items": {}}


def test_nothing_of_the_example_is_kept_but_its_form(here: Path) -> None:
    """The file is for a repository, and the example was somebody's."""
    body = {"event_id": 84723, "email": "rui@closum.example", "phone": "+351961222333", "at": "2025-12-24T18:00:05Z"}
    (here / "real.json").write_text(json.dumps(body))
    sources.new("shop", sample=[Path("real.json")])
    text = (here / "sources/shop.yaml").read_text()
    assert not [value for value in body.values() if str(value) in text]
    assert triggers([here])["webhook.shop"].read(body).own_id() == "84723"


def test_a_preset_becomes_a_source(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its shape, its proof and what a person has to do, so that a flow is checked at once."""
    sources.new("loja", preset="shopify")
    text = (here / "sources/loja.yaml").read_text()
    assert "webhook.loja" in capsys.readouterr().out
    assert "HOOK_SECRET_LOJA" in text
    assert "- there: Settings" in text
    (here / "flows").mkdir()
    (here / "flows/shop.yaml").write_text(
        "flow: shop\non: webhook.loja\nsteps:\n"
        "  - stop: ${ trigger.?total_price.orValue('') + trigger.?headers.?x_shopify_topic.orValue('') }\n"
    )
    assert not checked([here / "flows"]).mistakes


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_writes_a_right_source(preset: str, here: Path) -> None:
    """Read back, it is what the preset declares."""
    sources.new("one", preset=preset, to=here / f"{preset}/sources.yaml")
    found = YAML(typ="safe").load((here / f"{preset}/sources.yaml").read_text())
    assert found == {"sources": {"one": PRESETS[preset].source("one")}}
    load(
        here / f"{preset}/sources.yaml",
        {
            f"HOOK_{kind}_ONE": "whsec_c2VjcmV0LXNlY3JldA==" if kind == "SECRET" else "a" * 16
            for kind in ("SECRET", "TOKEN", "VERIFY")
        },
    )


def test_presets_are_listed_with_what_is_confirmed(capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, and of one where each thing is known from; a misspelled one is told."""
    sources.presets(as_json=True)
    rows = {row["preset"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows.keys() == PRESETS.keys()
    assert (rows["shopify"]["proof"], rows["shopify"]["assumed"]) == ("X-Shopify-Hmac-Sha256", 0)
    sources.presets("zoho", as_json=True)
    facts = {row["what"]: row for row in json.loads(capsys.readouterr().out)}
    assert (facts["retries"]["known"], facts["/ids"]["known"]) == ("assumed", "confirmed")
    with pytest.raises(CommandError, match="did you mean 'shopify'"):
        sources.presets("shopifi")
    with pytest.raises(CommandError, match="did you mean 'shopify'"):
        sources.new("x", preset="shopifi")


def test_either_an_example_or_a_preset() -> None:
    """Not both, not none."""
    for given in ({}, {"preset": "shopify", "sample": Path("example.json")}):
        with pytest.raises(CommandError, match="either samples"):
            sources.new("x", **given)  # type: ignore[arg-type]  # parameters by name


def test_a_list_of_examples_is_a_list_of_events(here: Path) -> None:
    """As the sender puts them into one body; what not all of them have is not required."""
    (here / "list.json").write_text(json.dumps([{"event_id": 1, "a": "x"}, {"event_id": 2, "b": None}]))
    sources.new("rows", sample=[Path("list.json")])
    entry = YAML(typ="safe").load((here / "sources/rows.yaml").read_text())["sources"]["rows"]
    assert (entry["items"], entry["id"], entry["schema"]["required"]) == ("", "/event_id", ["event_id"])
    (here / "list.json").write_text("[1]")
    with pytest.raises(CommandError, match="nor a list of them"):
        sources.new("more", sample=[Path("list.json")])


def test_a_number_that_no_number_holds_is_the_text_that_will_come(here: Path) -> None:
    """As ingest reads it; what fits into 64 bits without a sign is a number that no expression is promised."""
    (here / "big.json").write_text('{"a": 12345678901234567890123, "b": 18446744073709551615, "c": 7}')
    sources.new("big", sample=[Path("big.json")])
    fields = triggers([here])["webhook.big"].model_json_schema()["properties"]
    assert fields == {"a": {"type": ["string", "null"], "maxLength": 250}, "b": {}, "c": {"type": ["integer", "null"]}}


def test_a_source_is_widened_by_what_came(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the events of its own trigger, with what was set aside of them; comments stay, and twice is once."""
    came = [
        {
            "type": "webhook.shop",
            "data": {"customer": {"phone": None}, "raw": {"/items/0": "x", "/order": 7}, "items": [None]},
        },
        {"type": "webhook.shop", "data": {"customer": {"email": "a@b.pt", "vat": "PT1"}}},
        {"type": "webhook.other", "data": {"strange": 1}},
    ]

    async def read(*_: object) -> AsyncIterator[SimpleNamespace]:
        for value in (*(json.dumps(event).encode() for event in came), b"no event", None):
            yield SimpleNamespace(value=value)

    monkeypatch.setattr("services.cli.topic_records.read", read)
    sources.new("shop", sample=[Path("example.json")])
    file = here / "sources/shop.yaml"
    file.write_text(file.read_text().replace("    on_mismatch", "    # ours\n    on_mismatch"))
    capsys.readouterr()
    sources.learn("shop", dry_run=True)
    assert "would be widened by 2 bodies" in capsys.readouterr().out
    sources.learn("shop")
    told = capsys.readouterr().out.splitlines()
    assert told[:4] == [
        "/order came as a whole number in 1 of 2",
        "/customer/phone is new in 1 of 2",
        "/customer/vat is new in 1 of 2",
        "/items/* came as a text in 1 of 1",
    ]
    assert "# ours" in file.read_text()
    model = triggers([here])["webhook.shop"]
    orders: tuple[Any, ...] = (7, {})
    assert [model.read({"order": order, "customer": {"vat": "x"}}).otherwise() for order in orders] == [[], []]
    sources.learn("shop")
    assert "takes all of 2 bodies as it is" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no sources file here has 'shopp'"):
        sources.learn("shopp")
