"""Tables in CSV files, whatever they hold: rows or a fault, and what is deployed is what stood there."""

from __future__ import annotations

from hypothesis import event, given
from hypothesis import strategies as st

from services.flows.check import check
from services.flows.load import load_text
from services.flows.lookup_tables import rows
from services.flows.versions import version_of
from tests.support.flows import CATALOGUE, flow_text

WORDS = st.sampled_from(
    [
        "a",
        "b",
        ",",
        ";",
        "\t",
        '"',
        '""',
        "\n",
        "\r\n",
        "\r",
        " ",
        "${ trigger }",
        "$${",
        "\\",
        "\x00",
        "\u2028",
        "é",
        "🙂",
    ]
)
CONTENTS = st.lists(WORDS | st.text(max_size=3), max_size=30).map("".join)
FLOW = flow_text("- tool: lookup\n  with: { key: a, table: { csv: t.csv }, key_field: a }")


@given(CONTENTS | CONTENTS.map("a,b\n".__add__))
def test_any_file_is_rows_or_a_fault(content: str) -> None:
    """The deployed text holds the same table, so that it has the same version, without a file."""
    sources, faults = load_text(FLOW, files=lambda _: content)
    check(sources, CATALOGUE)
    if faults:
        event("refused")
        (fault,) = faults
        assert (fault.line, fault.col) == (5, 33)
        return
    deployed, faults = load_text(sources[0].text)
    assert faults == []
    assert version_of(deployed[0].flow) == version_of(sources[0].flow)


@given(
    st.lists(st.lists(st.text('ab,;\t"é ', max_size=4), min_size=2, max_size=2), max_size=4), st.sampled_from(",;\t")
)
def test_cells_come_back_as_they_were_written(cells: list[list[str]], separator: str) -> None:
    """Quoted as RFC 4180 says."""
    lines = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in [["x", "y"], *cells]]
    found = rows("".join(separator.join(line) + "\n" for line in lines))
    assert found == [{"x": one, "y": other} for one, other in cells]
