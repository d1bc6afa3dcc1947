"""Tables of `lookup` that stand in a CSV beside the flow: `table: { csv: prices.csv }` → rows, as if the flow had them.

A `csv` with a line break is the table itself. So is a deployed flow whole: its text holds what its files held.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

from services.flows.syntax import Constant, ListOf, MapOf, Value, Word
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.yaml_tree import Mapping, Scalar, Tree

LOOKUP = "lookup"
INPUT = "table"
KEY = "csv"
SUFFIX = ".csv"
MAX_CHARACTERS = 200_000
MAX_ROWS = 10_000
SEPARATORS = ",;\t"
_QUOTED = re.compile('"[^"]*"')
Beside = Callable[[str], str]
"""The text of a file by the name that stands in the flow. Raises ValueError, which says why it cannot be read."""


class Tables:
    """The tables of one flow file, and its text with them in it."""

    def __init__(self, file: str, beside: Beside | None = None) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self._beside = beside
        self._read: dict[tuple[int, int], str] = {}

    def filled(self, inputs: MapOf, written: Tree | None) -> MapOf:
        """The inputs of a `lookup`, with rows for a `{ csv: … }`. What is wrong with one is a fault at its name."""
        table = written.get(INPUT) if isinstance(written, Mapping) else None
        if not isinstance(table, Mapping) or not isinstance(given := table.get(KEY), Scalar):
            return inputs
        name = given.value
        if not isinstance(name, str) or (len(table.items) > 1 and not name.endswith(SUFFIX)):
            return inputs  # a table with a key `csv`
        rows = ListOf(tuple(self._rows(given, name, table)), given.location)
        return replace(
            inputs, items=tuple((word, rows if word.text == INPUT else value) for word, value in inputs.items)
        )

    def whole(self, text: str) -> str:
        """The text with the content of each file in place of its name: it needs no file any more."""
        for (start, end), content in sorted(self._read.items(), reverse=True):
            text = f"{text[:start]}{_in_quotes(content)}{text[end:]}"
        return text

    def _rows(self, given: Scalar, name: str, table: Mapping) -> list[Value]:
        if len(table.items) > 1:
            other = next(key for key, _ in table.items if key.value != KEY)
            what = f"`{KEY}` stands alone: take {other.text!r} away. Commas, semicolons and tabs are told apart"
            self._fault(other.location, FaultCode.KEY_UNKNOWN, what)
        if "${" in name and "\n" not in name:
            self._fault(
                given.location, FaultCode.VALUE_INVALID, "here stands a file's name: it is fixed, not an expression"
            )
            return []
        what = "the table" if "\n" in name else repr(name)
        try:
            content = name if "\n" in name else self._content(given, name)
        except ValueError as error:
            self._fault(given.location, FaultCode.FILE_UNREADABLE, f"{what} {error}")
            return []
        try:
            found = rows(content)
        except ValueError as error:
            self._fault(given.location, FaultCode.VALUE_INVALID, f"{what} is no table: {error}")
            return []
        at = given.location
        return [MapOf(tuple((Word(key, at), Constant(cell, at)) for key, cell in row.items()), at) for row in found]

    def _content(self, given: Scalar, name: str) -> str:
        if self._beside is None:
            raise ValueError("is a file, and this flow was not read from a folder")
        content = self._beside(name)
        # Line ends of every system are the same table. The last one tells a table of one line from a name.
        content = content.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
        self._read[given.span] = content
        return content

    def _fault(self, place: Location, code: FaultCode, text: str) -> None:
        fault = Fault(self.file, place.line, place.col, code, text)
        if fault not in self.faults:  # an alias brings the same name again
            self.faults.append(fault)


def rows(content: str) -> list[dict[str, str]]:
    r"""Rows by the names in the first line. Raises ValueError that says what is wrong, and in which line.

    Cells are texts, blanks and all; names of columns have none around them. Cells are separated by commas, semicolons
    or tabs: by what the first line has most of.

    >>> rows("city;manager\nLisboa;ana\n")
    [{'city': 'Lisboa', 'manager': 'ana'}]
    """
    if len(content) > MAX_CHARACTERS:
        raise ValueError(
            f"it has {len(content):,} characters, the most is {MAX_CHARACTERS:,}. Keep the columns that are needed, or"
            " ask an API"
        )
    if "\0" in content:
        raise ValueError("it holds a NUL character, so that it is no text: save it as CSV in UTF-8")
    head = _QUOTED.sub("", content.partition("\n")[0])
    reader = csv.reader(io.StringIO(content), delimiter=max(SEPARATORS, key=head.count), strict=True)
    found: list[dict[str, str]] = []
    try:
        names = [name.strip() for name in next(reader, [])]
        _refuse_names(names)
        for cells in reader:
            if not cells:
                continue  # an empty line
            if len(cells) != len(names):
                many = f"{len(cells)} cell{'s' if len(cells) != 1 else ''}"
                raise ValueError(f"line {reader.line_num} has {many}, the first line names {len(names)} columns")
            if len(found) == MAX_ROWS:
                raise ValueError(f"it has more than {MAX_ROWS:,} rows")
            found.append(dict(zip(names, cells, strict=True)))
    except csv.Error as error:
        raise ValueError(
            f"line {reader.line_num}: {error}. A cell with quotes in it stands in quotes, and they twice"
        ) from None
    return found


def beside(flow: Path) -> Beside:
    """Files in the folder of this flow file, or below it."""

    def read(name: str) -> str:
        folder = flow.parent.resolve()
        try:
            path = (folder / name).resolve()
            if PurePath(name).is_absolute() or not path.is_relative_to(folder):
                raise ValueError("is not in the folder of the flow, or below it: put it there")
            if not path.is_file():
                raise ValueError("is not there: the name is seen from the folder of the flow")
            if path.stat().st_size > 4 * MAX_CHARACTERS:  # a character of UTF-8 has up to four bytes
                raise ValueError(f"is too large: the most is {MAX_CHARACTERS:,} characters")
            return path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"is not UTF-8 (byte {error.start}): save it as CSV in UTF-8") from None
        except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None

    return read


def _refuse_names(names: list[str]) -> None:
    """Raise ValueError for a first line that does not name each column."""
    if not any(names):
        raise ValueError("it has no first line with the names of the columns")
    if "" in names:
        raise ValueError(f"column {names.index('') + 1} has no name in the first line")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two columns have the name {twice!r}")


_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def _in_quotes(text: str) -> str:
    """A text in YAML's double quotes, on one line."""
    signs = (_ESCAPES.get(sign) or (sign if sign.isprintable() else f"\\U{ord(sign):08x}") for sign in text)
    return f'"{"".join(signs)}"'
