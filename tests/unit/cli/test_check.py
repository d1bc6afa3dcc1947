"""`flows check` and sources files: each mistake with its place, beside those of the flows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cli.commands import check
from services.flows.load import load_paths
from services.ingest.sources.load import declarations
from services.project.checking import checked

RIGHT = """\
sources:
  morning:
    schedule: { cron: "0 9 * * mon-fri", time_zone: Europe/Lisbon, missed: skip }
  orders:
    poll:
      url: https://erp.example/api/orders
      every: 1m
      items: /data/rows
      cursor: { parameter: since, next: /next }
      authentication: { bearer: { env: ERP_TOKEN } }
    example: { id: 7, customer: { email: a@b.pt } }
    id: /id
  shop:
    schema: { type: object, properties: { email: { type: string } } }
    id: { header: X-Delivery }
    token: [ { env: SHOP_TOKEN }, { env: SHOP_TOKEN_OLD } ]
    deduplicate: { within: 7d }
    limits: { requests_per_second: 50 }
    networks: [ 192.0.2.0/24 ]
  partner:
    trigger: closum.lead.created
    authentication: { preset: github, secret: { env: PARTNER_SECRET } }
"""
# name → (what stands there, what stands there instead, what must be reported)
WRONG = {
    "a bad cron": ("0 9 * * mon-fri", "0 25 * * mon-fri", "3:23 value_invalid"),
    "a day that never comes": ("0 9 * * mon-fri", "0 9 30 2 *", "3:23 value_invalid"),
    "a cron of four fields": ("0 9 * * mon-fri", "0 9 * *", "3:23 value_invalid"),
    "a bad time zone": ("Europe/Lisbon", "Europe/Lisboa", "3:53 value_invalid"),
    "a choice that is none": ("missed: skip", "missed: later", "3:76 value_invalid"),
    "a bad URL": ("https://erp", "erp", "6:12 value_invalid"),
    "a bad duration": ("every: 1m", "every: 1 minute", "7:14 duration_invalid"),
    "a duration of nothing": ("every: 1m", "every: 0s", "7:14 duration_invalid"),
    "a misspelled field": ("items:", "itms:", "8:7 key_unknown"),
    "a pointer into a cursor": ("next: /next", "next: next", "9:41 value_invalid"),
    "a cursor of two places": ("next: /next", "next: /next, last_item: /id", "9:7 value_invalid"),
    "a pointer that is none": ("id: /id", "id: id", "12:9 value_invalid"),
    "a header that is not named": ("{ header: X", "{ headr: X", "15:5 key_missing"),
    "three secrets": ("{ env: SHOP_TOKEN_OLD } ]", "{ env: A }, { env: B } ]", "16:5 value_invalid"),
    "a secret in the file": (
        "[ { env: SHOP_TOKEN }, { env: SHOP_TOKEN_OLD } ]",
        "open-sesame-open",
        "16:12 value_invalid",
    ),
    "a window of nothing": ("within: 7d", "within: soon", "17:28 duration_invalid"),
    "a limit that is none": ("requests_per_second: 50", "requests_per_second: many", "18:36 value_invalid"),
    "a network that is none": ("192.0.2.0/24", "192.0.2.0/99", "19:17 value_invalid"),
    "a schema that is none": ("{ type: object, properties", "{ type: objct, properties", "13:3 value_invalid"),
    "an unknown trigger": ("closum.lead.created", "closum.lead.craeted", "21:14 trigger_unknown"),
    "an unknown preset": ("preset: github", "preset: githb", "22:31 value_invalid"),
    "a secret that is missing": (", secret: { env: PARTNER_SECRET }", "", "22:5 value_invalid"),
    "nothing that proves anything": ("    authentication: { preset", "    #", "20:3 value_invalid"),
    "a name with a capital": ("  partner:", "  Partner:", "20:3 value_invalid"),
    "a name twice": ("  partner:", "  shop:", "20:3 key_duplicate"),
    "a misspelled head": ("sources:", "source:", "1:1 key_unknown"),
}


def told(folder: Path, *paths: Path) -> list[str]:
    """What is wrong, as `file:line:col code`."""
    return [
        f"{Path(each.file).name}:{each.line}:{each.col} {each.code}"
        for each in checked(list(paths) or [folder]).mistakes
    ]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to run in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLOWS_SOURCES_FILE", raising=False)
    return tmp_path


def test_the_right_file_is_right(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without any secret set; it is counted."""
    (here / "sources.yaml").write_text(RIGHT)
    assert check.check_paths([here / "sources.yaml"]) == 0
    assert capsys.readouterr().out == "No mistakes in 1 sources file.\n"


@pytest.mark.parametrize(("right", "wrong", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_source_is_a_fault_with_code_and_place(here: Path, right: str, wrong: str, expected: str) -> None:
    """Whether the file is named, or lies in the folder that is."""
    assert RIGHT.count(right) == 1
    (here / "sources.yaml").write_text(RIGHT.replace(right, wrong))
    assert f"sources.yaml:{expected}" in told(here, here / "sources.yaml")
    assert told(here) == told(here, here / "sources.yaml")


def test_all_mistakes_of_flows_and_sources_are_told_at_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In order of place, with line and caret; the flow of a right source is checked with its types."""
    (here / "sources.yaml").write_text(RIGHT.replace("0 9 *", "0 25 *").replace("every: 1m", "every: soon"))
    (here / "a.yaml").write_text("flow: a\non: webhook.shop\nsteps:\n- stop: ${ trigger.emial }\n")
    (here / "b.yaml").write_text(
        "flow: b\non: [schedule.morning, webhook.shpo]\nsteps:\n- wait: 1h\n"
        "  cancel_on: { trigger: poll.orders, key: '${ event.subject }' }\n"
    )
    assert check.check_paths([here]) == 1
    out = capsys.readouterr().out
    assert [line.split("error")[0].rpartition("/")[2] for line in out.splitlines() if "error[" in line] == [
        "a.yaml:4:20: ",
        "b.yaml:2:24: ",
        "sources.yaml:3:23: ",
        "sources.yaml:7:14: ",
    ]
    assert '    3 |     schedule: { cron: "0 25 * * mon-fri"' in out
    assert out.endswith("4 mistakes.\n")


def test_one_name_in_two_files_is_told(here: Path) -> None:
    """They would run together. A file of another place that is named too is looked at alone."""
    for name in ("a/sources.yaml", "b/sources.yaml"):
        (here / name).parent.mkdir()
        (here / name).write_text(RIGHT.partition("  shop:")[0])
    assert [fault.rpartition("/")[2] for fault in told(here)] == [
        "sources.yaml:2:3 key_duplicate",
        "sources.yaml:4:3 key_duplicate",
    ]
    assert told(here, here / "a", here / "a/sources.yaml") == []


def test_a_file_that_cannot_be_read_blames_no_flow(here: Path) -> None:
    """Its triggers are not known, which is not the flow's mistake."""
    (here / "sources.yaml").write_text("sources: {\n")
    (here / "a.yaml").write_text("flow: a\non: [webhook.shop, closum.lead.made]\nsteps:\n- stop: a\n")
    assert told(here) == ["a.yaml:2:20 trigger_unknown", "sources.yaml:2:1 yaml_invalid"]


def test_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For editors, in the form that faults of flows have."""
    (here / "sources.yaml").write_text(RIGHT.replace("Europe/Lisbon", "Lisbon"))
    assert check.check_paths([here], output="json") == 1
    [fault] = json.loads(capsys.readouterr().out)
    assert (fault["line"], fault["col"], fault["code"]) == (3, 53, "value_invalid")
    assert "is no time zone, such as Europe/Lisbon" in fault["text"]


def test_sources_are_known_by_what_they_hold(here: Path) -> None:
    """`flows sources new` writes sources/shop.yaml: no flow, wherever it lies. Hidden folders are not ours."""
    for name in ("sources/shop.yaml", ".flows/own.yaml"):
        (here / name).parent.mkdir()
        (here / name).write_text(RIGHT.replace("1m", "soon") if name.startswith(".") else RIGHT)
    (here / "a.yaml").write_text("flow: a\non: webhook.shop\nsteps:\n- stop: ${ trigger.email }\n")
    assert told(here) == ["a.yaml:4:19 field_may_be_absent"]
    assert [source.name for source in load_paths([here])[0]] == ["a"]
    [fault] = load_paths([here / "sources/shop.yaml"])[1]
    assert "this is a sources file, and no flow" in fault.text


@settings(max_examples=60)
@given(st.integers(0, len(RIGHT)), st.text(max_size=4), st.integers(0, 12))
def test_no_text_makes_it_raise(at: int, put: str, left_out: int) -> None:
    """A right file with anything anywhere."""
    file = Path("sources.yaml")
    file.write_bytes((RIGHT[:at] + put + RIGHT[at + left_out :]).encode("utf-8", errors="surrogatepass"))
    found = declarations(file)
    lines = file.read_bytes().decode("utf-8", errors="replace").splitlines()
    assert all(1 <= fault.line <= len(lines) + 1 for fault in found.faults)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [*a]\n",
        "sources: &a { b: *a }\n",
        "!!int x",
        "a: 2026-99-99",
        "sources: { a: !!set {b} }",
        "--- a\n--- b\n",
        "&a *a",
    ],
)
def test_nor_does_one_of_these(here: Path, text: str) -> None:
    """What YAML allows and nobody writes."""
    (here / "sources.yaml").write_text(text)
    assert declarations(here / "sources.yaml").faults


def test_a_file_is_checked_as_it_is_in_its_folder(here: Path) -> None:
    """With the sources and the other flows beside it: a circle that it closes, a name that stands twice."""
    (here / "sources.yaml").write_text(RIGHT)
    flow = "flow: %s\non: webhook.shop\nsteps:\n  - stop: %s\n"
    (here / "one.yaml").write_text(flow % ("one", "${ event.id }"))
    (here / "two.yaml").write_text(flow % ("two", "${ event.idd }"))
    assert told(here, here / "one.yaml") == []
    assert told(here, here / "two.yaml") == told(here) == ["two.yaml:4:20 field_unknown"]
    (here / "two.yaml").write_text(flow % ("one", "x"))
    assert told(here, here / "two.yaml") == told(here) == ["two.yaml:1:7 flow_duplicate"]
    assert len(told(here, here / "one.yaml")) == 1
