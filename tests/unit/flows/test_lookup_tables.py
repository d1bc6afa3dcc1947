"""Tables of `lookup` in a CSV beside the flow: read, proved, typed, and deployed with the flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.commands.dev.watching import Watch
from services.cli.deployments import back_to, from_paths
from services.flows.check import check
from services.flows.compile import compile_flow
from services.flows.load import load_paths, load_text
from services.flows.lookup_tables import MAX_CHARACTERS, MAX_ROWS, rows
from services.project.catalogue import catalogue
from services.tools.deployed.compiling import compiled
from services.tools.deployed.deployment_tables import Deployment, FlowVersion
from tests.support.flows import flow_text

KNOWN = catalogue()
CSV = "country,manager,phone\nPT,ana,+351912345678\nBR,eva,+5511912345678\n"
STEPS = """
- id: sales
  tool: lookup
  with:
    key: ${ trigger.country }
    table: { csv: managers.csv }
    key_field: country
- if: ${ has(sales.value) }
  then:
    - stop: ${ sales.value.manager }
"""
FLOW = flow_text(STEPS, on="closum.lead.created")


def faults_in(folder: Path, text: str = FLOW) -> list[str]:
    """What `flows check` tells of a flow in this folder, as `line:col code`."""
    (folder / "flow.yaml").write_text(text)
    sources, faults = load_paths([folder / "flow.yaml"])
    return [f"{fault.line}:{fault.col} {fault.code}" for fault in sorted([*faults, *check(sources, KNOWN)])]


def says(folder: Path, text: str = FLOW) -> str:
    """The same, as people read it."""
    (folder / "flow.yaml").write_text(text)
    sources, faults = load_paths([folder / "flow.yaml"])
    return "\n".join(str(fault) for fault in [*faults, *check(sources, KNOWN)])


def version(folder: Path, text: str = FLOW) -> str:
    """The version of the flow in this folder."""
    assert faults_in(folder, text) == [], says(folder, text)
    (source,), _ = load_paths([folder / "flow.yaml"])
    return compile_flow(source, KNOWN.tools).version


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\n\n").rstrip("\n"),
        "\ufeff" + CSV,
        CSV.replace("manager", ' "manager" '.strip()).replace("country", " country "),
    ],
    ids=["commas", "semicolons", "tabs", "Windows", "empty lines", "byte order mark", "quotes and blanks"],
)
def test_the_same_table_however_it_is_saved(tmp_path: Path, text: str) -> None:
    """Layout does not count: the flow has the same version."""
    (tmp_path / "managers.csv").write_bytes(CSV.encode())
    one = version(tmp_path)
    (tmp_path / "managers.csv").write_bytes(text.encode())
    assert version(tmp_path) == one
    (tmp_path / "managers.csv").write_text(CSV.replace("eva", "rui"))
    assert version(tmp_path) != one


@pytest.mark.parametrize(
    ("content", "code", "text"),
    [
        (None, "file_unreadable", "'managers.csv' is not there"),
        (b"", "value_invalid", "it has no first line with the names of the columns"),
        (b"\n\n", "value_invalid", "it has no first line with the names of the columns"),
        (b"country,\nPT,ana\n", "value_invalid", "column 2 has no name"),
        (b"country,manager,country\n", "value_invalid", "two columns have the name 'country'"),
        (b"country,manager\nPT,ana\nBR\n", "value_invalid", "line 3 has 1 cell, the first line names 2 columns"),
        (b'country,manager\n"PT,ana\n', "value_invalid", "line 2: "),
        (b'country,manager\n"P"T,ana\n', "value_invalid", "line 2: "),
        ("country,manager\nPT,jos\u00e9\n".encode("latin-1"), "file_unreadable", "is not UTF-8 (byte 22)"),
        (CSV.encode("utf-16-be"), "value_invalid", "NUL"),
        (b"country\n" + b"PT\n" * (MAX_ROWS + 1), "value_invalid", "more than 10,000 rows"),
        (b"country\n" + b"x" * MAX_CHARACTERS, "value_invalid", "200,009 characters, the most is 200,000"),
        (b"x" * (4 * MAX_CHARACTERS + 1), "file_unreadable", "is too large: the most is 200,000 characters"),
    ],
)
def test_a_wrong_table_is_a_fault_at_its_name(tmp_path: Path, content: bytes | None, code: str, text: str) -> None:
    """The only one, and it says what to do."""
    if content is not None:
        (tmp_path / "managers.csv").write_bytes(content)
    assert faults_in(tmp_path) == [f"8:19 {code}"]
    assert text in says(tmp_path)


@pytest.mark.parametrize(
    "name", ["../managers.csv", "link.csv", "/etc/hostname", "below/../../managers.csv", "loop.csv"]
)
def test_no_file_outside_of_the_folder_is_read(tmp_path: Path, name: str) -> None:
    """Not by a way up, not by a link, not by its whole path."""
    folder = tmp_path / "flows"
    folder.mkdir()
    (tmp_path / "managers.csv").write_text(CSV)
    (folder / "link.csv").symlink_to(tmp_path / "managers.csv")
    (folder / "loop.csv").symlink_to(folder / "loop.csv")
    assert faults_in(folder, FLOW.replace("managers.csv", name)) == ["8:19 file_unreadable"]


def test_a_file_below_the_folder_is_read(tmp_path: Path) -> None:
    """Also by a link inside of it, as Kubernetes mounts config maps."""
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "managers.csv").write_text(CSV)
    (tmp_path / "managers.csv").symlink_to("..data/managers.csv")
    assert faults_in(tmp_path) == []
    assert faults_in(tmp_path, FLOW.replace("managers.csv", "..data/managers.csv")) == []


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        ("sales.value.manager }", "sales.value.manger }", "12:28 field_unknown"),
        ("key_field: country", "key_field: contry", "9:16 input_value"),
        ("key_field: country", "key_field: country\n    value_field: manger", "10:18 input_value"),
        ("    key_field: country\n", "", "5:9 input_value"),
        ("{ csv: managers.csv }", "managers.csv", "8:12 input_value"),
        ("managers.csv }", "'${ trigger.country }.csv' }", "8:19 value_invalid"),
        ("managers.csv }", 'managers.csv, separator: ";" }', "8:33 key_unknown"),
        ("has(sales.value) }", "has(sales.value) && sales.value.manager == 'rui' }", "10:53 condition_constant"),
    ],
)
def test_a_misspelled_column_is_a_fault_with_its_place(tmp_path: Path, right: str, wrong: str, expected: str) -> None:
    """The rows are known as if they stood in the flow."""
    (tmp_path / "managers.csv").write_text(CSV)
    assert right in FLOW
    text = FLOW.replace(right, wrong)
    assert expected in faults_in(tmp_path, text), says(tmp_path, text)


def test_cells_are_proved_as_what_they_are(tmp_path: Path) -> None:
    """A column of phones gives phones; with one cell that is none, texts."""
    text = flow_text(
        """
        - id: sales
          tool: lookup
          with: { key: "${ trigger.country }", table: { csv: managers.csv }, key_field: country, value_field: phone,
            default: "+351910000000" }
        - id: tariff
          tool: phone.validate
          with: { number: "${ sales.value }" }
        - action: closum.whatsapp.send_template
          connection: closum
          with: { to: "${ sales.value }", template: a, language: pt_PT }
        """,
        on="closum.lead.created",
    )
    (tmp_path / "managers.csv").write_text(CSV)
    assert says(tmp_path, text) == ""
    (tmp_path / "managers.csv").write_text(CSV.replace("+551", "none"))
    assert "this is a text" in says(tmp_path, text)


def test_a_cell_is_never_an_expression() -> None:
    """Nor a number, nor null: a table is data, whoever writes it."""
    (source,), faults = load_text(FLOW, files=lambda _: "country,manager\nPT,${ trigger.raw }\n007,\n")
    assert faults == []
    again, faults = load_text(source.text)
    assert faults == []
    for each in (source, *again):
        told = compile_flow(each, KNOWN.tools).nodes["0"].inputs  # type: ignore[attr-defined]  # the tool's node
        assert "{'country': 'PT', 'manager': '${ trigger.raw }'}, {'country': '007', 'manager': ''}" in repr(
            told(type("S", (), {"root": lambda *_: {"country": "PT"}})())
        )


def test_a_table_of_one_entry_named_csv_is_still_a_table() -> None:
    """With other entries, unless it names a CSV file."""
    text = flow_text(
        '- tool: lookup\n  with: { key: "${ event.type }", table: { csv: text/csv, pdf: b } }', on="closum.lead.created"
    )
    sources, faults = load_text(text)
    assert [*faults, *check(sources, KNOWN)] == []


@pytest.mark.parametrize(
    "written",
    [
        "{ csv: managers.csv }",
        "{ csv: 'managers.csv' }",
        '{ csv: "managers.csv" }  # a comment',
        "{ csv: &name managers.csv }",
        '{ csv: !!str "managers.csv" }',
        "\n      csv: managers.csv  # a comment",
        "\n      csv: >-\n        managers.csv",
        "&table { csv: managers.csv }",
    ],
)
def test_a_deployed_flow_is_whole(tmp_path: Path, written: str) -> None:
    """Its text has the table in it: it is the same version without the file, comments and all."""
    nasty = CSV + '"P ""T""","a: b\t# c\\ \u00e9\u2028\U0001f600\nsecond line",x\n'
    (tmp_path / "managers.csv").write_text(nasty, encoding="utf-8")
    text = FLOW.replace("{ csv: managers.csv }", written)
    for anchor, again in (("&name", "{ csv: *name }"), ("&table", "*table")):
        if anchor in written:
            text += f"- tool: lookup\n  with: {{ key: a, table: {again}, key_field: country }}\n"
    assert faults_in(tmp_path, text) == [], says(tmp_path, text)
    (source,), _ = load_paths([tmp_path / "flow.yaml"])
    made = compile_flow(source, KNOWN.tools)
    deployed = compiled(FlowVersion(made.name, made.version, source.text), KNOWN.tools)
    assert deployed.version == made.version
    assert source.text.count("# a comment") == text.count("# a comment")


def test_a_deployment_needs_the_file_no_more(tmp_path: Path) -> None:
    """Neither to run beside others, nor to go back to."""
    (tmp_path / "managers.csv").write_text(CSV)
    (tmp_path / "flow.yaml").write_text(FLOW)
    flows, versions = from_paths([tmp_path / "flow.yaml"], None, alone=False)(Deployment(), [])
    (tmp_path / "managers.csv").unlink()
    (tmp_path / "other.yaml").write_text(
        FLOW.replace("tried", "other").replace("{ csv: managers.csv }", "[{ country: PT, manager: a }]")
    )
    more, _ = from_paths([tmp_path / "other.yaml"], None, alone=False)(Deployment(1, flows=flows), versions)
    assert more == {**flows, "other": more["other"]}
    assert back_to(Deployment(1, flows=flows), versions)(Deployment(2, flows=more), versions)[0] == flows


def test_a_table_may_stand_in_the_flow_as_csv(tmp_path: Path) -> None:
    """Several lines are no name of a file: the same version, and `flows show` gives a text that can be read."""
    (tmp_path / "managers.csv").write_text(CSV)
    one = version(tmp_path)
    (source,), _ = load_paths([tmp_path / "flow.yaml"])
    assert 'table: { csv: "country,manager,phone\\nPT,ana,' in source.text
    (tmp_path / "managers.csv").unlink()
    lines = "".join(f"        {line}\n" for line in CSV.splitlines())
    assert version(tmp_path, FLOW.replace("{ csv: managers.csv }\n", f"\n      csv: |\n{lines}")) == one


def test_a_text_without_its_folder_says_so() -> None:
    """As a flow that was copied out of a file."""
    assert "this flow was not read from a folder" in str(load_text(FLOW)[1][0])


def test_a_saved_table_is_a_change(tmp_path: Path) -> None:
    """`flows dev` deploys anew, whether it runs a folder or one file of it."""
    for name in ("managers.csv", "flow.yaml"):
        (tmp_path / name).write_text("a")
    watches = [Watch(tmp_path), Watch(tmp_path / "flow.yaml")]
    assert [watch.changed() for watch in watches] == [False, False]
    (tmp_path / "managers.csv").write_text("changed")
    assert [watch.changed() for watch in watches] == [True, True]


def test_separators_inside_quotes_do_not_count() -> None:
    """The first line tells which one it is."""
    assert rows('"a,b";"c,d"\n1,5;2\n') == [{"a,b": "1,5", "c,d": "2"}]
