"""Files and texts → flows with locations."""

from __future__ import annotations

from pathlib import Path

from services.flows.load import load_paths, load_text
from services.flows.steps.tool import ToolStep
from services.flows.syntax import Expression, Template
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from tests.support.flows import flow_text

FLOW = flow_text("- stop: a")


def test_folders_are_read_whole(tmp_path: Path) -> None:
    """Every *.yaml and *.yml below a folder, without tests and other files; in order of name; no file twice."""
    for name in ("b.yaml", "a.yml", "a.test.yaml", "readme.md", "deep/c.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(FLOW.replace("tried", Path(name).name[0]))
    sources, faults = load_paths([tmp_path, tmp_path / "b.yaml"])
    assert [source.name for source in sources] == ["a", "b", "c"]
    assert faults == []


def test_what_is_no_flow_is_passed_over_in_folders(tmp_path: Path) -> None:
    """Sources and connections files, and what `flows dev` keeps; named alone, each is told what it is."""
    others = {".flows/a.yaml": FLOW, "c.yaml": "# ours\nconnections:\n  crm: {}\n", "d.yaml": '"sources": {}\n'}
    for name, text in {"a.yaml": FLOW, **others}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    sources, faults = load_paths([tmp_path])
    assert [Path(source.file).name for source in sources] == ["a.yaml"]
    assert faults == []
    assert "this is a sources file" in str(load_paths([tmp_path / "d.yaml"])[1])
    (tmp_path / "e.yaml").write_text("sources: {}\nsteps: []\n")
    assert [fault.code for fault in load_paths([tmp_path])[1]].count(FaultCode.KEY_MISSING) == 2


def test_a_file_can_hold_several_flows() -> None:
    """Separated by `---`."""
    sources, faults = load_text(FLOW + "---\n" + FLOW.replace("tried", "other"))
    assert [source.name for source in sources] == ["tried", "other"]
    assert faults == []


def test_what_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """A path that is not there, a folder without flows, bytes that are no UTF-8; the others are read nevertheless."""
    (tmp_path / "latin.yaml").write_bytes("flow: olá".encode("latin-1"))
    (tmp_path / "good.yaml").write_text(FLOW)
    (tmp_path / "empty").mkdir()
    sources, faults = load_paths([tmp_path / "none.yaml", tmp_path / "empty", tmp_path])
    assert [source.name for source in sources] == ["tried"]
    assert [(Path(fault.file).name, fault.code) for fault in faults] == [
        ("empty", "file_unreadable"),
        ("latin.yaml", "file_unreadable"),
        ("none.yaml", "file_unreadable"),
    ]


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    """As Windows editors write it."""
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + FLOW.encode())
    assert load_paths([tmp_path])[1] == []


def test_a_fault_is_one_line() -> None:
    """`file:line:col: error[code]: text`, as editors and terminals link it."""
    (fault,) = load_text(FLOW.replace("steps:", "stpes:"), "flows/a.yaml")[1]
    assert str(fault) == "flows/a.yaml:3:1: error[key_unknown]: a flow has no key 'stpes': did you mean 'steps'?"


def test_faults_of_form_stay_with_the_flow() -> None:
    """So that nobody compiles it by accident."""
    (source,), faults = load_text(FLOW + "more: 1\n")
    assert list(source.faults) == faults != []


def test_a_tree_that_grows_by_its_aliases_is_refused() -> None:
    """Ten lists of ten of each other are ten thousand million values."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    sources, faults = load_text("\n".join(lines))
    assert sources == []
    assert [fault.code for fault in faults] == ["yaml_invalid"]


def test_words_are_what_yaml_1_2_says() -> None:
    """`on`, `yes`, `no` are text; so are numbers with a leading zero, such as phone numbers."""
    (source,), faults = load_text(
        flow_text(
            "- tool: a\n  with: { a: no, b: 0912, c: true, d: 1.5, e: 1e3, f: ~, g: +351912, h: 0x1F, i: 12_000 }"
        )
    )
    (step,) = source.flow.steps
    assert faults == []
    assert isinstance(step, ToolStep)
    values = {word.text: getattr(value, "value", None) for word, value in step.inputs.items}
    assert values == {
        "a": "no",
        "b": "0912",
        "c": True,
        "d": 1.5,
        "e": 1000.0,
        "f": None,
        "g": 351912,
        "h": "0x1F",
        "i": "12_000",
    }


def test_expressions_keep_their_place() -> None:
    """Also in blocks and after other text; where YAML changed the text, it is the location of the whole."""
    (source,), _ = load_text(
        flow_text(
            '- tool: a\n  with:\n    p: x ${ a }\n    q: |\n      x\n      ${ b }\n    r: "\\t${ c }"\n    s: "${ d }"'
        )
    )
    (step,) = source.flow.steps
    assert isinstance(step, ToolStep)
    locations = {}
    for word, value in step.inputs.items:
        parts = value.parts if isinstance(value, Template) else (value,)
        locations[word.text] = next(part.location for part in parts if isinstance(part, Expression))
    assert locations == {"p": Location(6, 13), "q": Location(9, 10), "r": Location(10, 8), "s": Location(11, 12)}
