"""YAML with places: what each text is, where each character of it stands, and every fault in its words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from services.runtime.documents import bounds
from services.runtime.documents.faults import FaultCode
from services.runtime.documents.locations import Location
from services.runtime.documents.yaml_tree import Mapping, Scalar, Sequence, Tree, read


def one(text: str) -> Tree:
    """The one document of a text without a fault."""
    (document,), faults = read("f.yaml", text)
    assert faults == []
    return document


def told(text: str) -> list[str]:
    """The faults of a text, as people read them."""
    return [str(fault) for fault in read("f.yaml", text)[1]]


def scalars(tree: Tree) -> Iterator[Scalar]:
    """All of them, keys too, in the order of the file."""
    if isinstance(tree, Scalar):
        yield tree
    elif isinstance(tree, Sequence):
        for item in tree.items:
            yield from scalars(item)
    else:
        for key, value in tree.items:
            yield key
            yield from scalars(value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[(word, None) for word in ("~", "null", "Null", "NULL", "")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[
            (word, word)
            for word in ("yes", "no", "on", "tRUE", "nULL", "0x1F", "0o17", ".inf", "-.inf", ".nan", "1_000")
        ],
        *[("0", 0), ("-0", 0), ("+5", 5), ("-12", -12), ("10", 10)],
        *[(word, word) for word in ("007", "-01", "00", "351912345678901234567", "1234567890123456789", "-")],
        *[("123456789012345678", 123456789012345678), ("-123456789012345678", -123456789012345678)],
        *[("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("-1.5e3", -1500.0), ("+.5E-1", 0.05), ("007.5", 7.5)],
        *[(word, word) for word in ("1e999", "-1e999", "1.2.3", "1e", "e5", ".")],
    ],
)
def test_a_plain_scalar_is_what_yaml_1_2_says(written: str, value: object) -> None:
    """Without octal, hexadecimal and infinity; a number with a leading zero, or too long for 64 bits, is text."""
    tree = one(f"[{written or '~'}]")
    assert isinstance(tree, Sequence)
    (found,) = scalars(tree)
    assert (found.value, type(found.value), found.quoted) == (value, type(value), False)
    if written:
        for quote in "'\"":
            (found,) = scalars(one(f"[{quote}{written}{quote}]"))
            assert (found.value, found.text, found.quoted) == (written, written, True)


@pytest.mark.parametrize("style", ["|-", ">-"])
def test_a_block_is_text(style: str) -> None:
    """Also where it looks like a number."""
    (found,) = scalars(one(f"- {style}\n  5\n"))
    assert (found.value, found.quoted) == ("5", True)


def test_an_empty_value_is_null() -> None:
    """A key alone."""
    tree = one("a:\nb: ''\n")
    assert isinstance(tree, Mapping)
    assert [value.value for _, value in tree.items if isinstance(value, Scalar)] == [None, ""]


def test_a_key_is_found_by_its_value() -> None:
    """Whatever stands before and behind it; another is not there."""
    tree = one("a: 1\nb: [2]\nc: 3")
    assert isinstance(tree, Mapping)
    found = tree.get("b")
    assert isinstance(found, Sequence)
    assert found.location == Location(2, 4)
    assert tree.get("d") is None


# text → of each scalar: what of the file it is, where it stands, where its first character stands, whether columns hold
PLACES = {
    "keys and values": ("a: b\n  \n", [("a", "1:1", "1:1", True), ("b", "1:4", "1:4", True)]),
    "blanks and a comment behind it": ("[a b   , c] # d", [("a b", "1:2", "1:2", True), ("c", "1:10", "1:10", True)]),
    "quotes": ("['a', \"b\"]", [("'a'", "1:2", "1:3", True), ('"b"', "1:7", "1:8", True)]),
    "an escape": (r'["a\tb"]', [(r'"a\tb"', "1:2", "1:2", False)]),
    "a doubled quote": ("['it''s']", [("'it''s'", "1:2", "1:2", False)]),
    "a plain text over two lines": ("- a\n  b", [("a\n  b", "1:3", "1:3", False)]),
    "a quoted text over two lines": ("- 'a\n  b'", [("'a\n  b'", "1:3", "1:3", False)]),
    "an anchor": ("- &x a", [("a", "1:3", "1:3", False)]),
    "an anchor and a tag": ("- &x !!str   'a'", [("'a'", "1:3", "1:3", False)]),
    "an anchor on the line above": ("- &x\n  a", [("a", "1:3", "1:3", False)]),
    "folded": ("- >\n  a\n  b\n", [(">\n  a\n  b", "1:3", "1:3", False)]),
}


@pytest.mark.parametrize(("text", "expected"), PLACES.values(), ids=PLACES)
def test_where_a_scalar_stands(text: str, expected: list[tuple[str, str, str, bool]]) -> None:
    """In the file: with quotes, without anchor and tag. Its first character: where columns can be followed."""
    found = [
        (
            text[slice(*each.span)],
            f"{each.location.line}:{each.location.col}",
            f"{each.origin.start.line}:{each.origin.start.col}",
            each.origin.exact,
        )
        for each in scalars(one(text))
    ]
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "|\n  one\n   two\n\n  three\n",
        "|\n\n    one\n     two\n",
        "|2\n   one\n   two\n",  # of a line that begins with a blank: how far it is indented is said
        "|-\n  one",
        "|+\n  one\n\n\n",
        "|\n one\n",
        "|\r\n  one\r\n  two\r\n",
    ],
)
def test_every_character_of_a_block_is_where_it_was_written(text: str) -> None:
    """Line by line, however it is indented."""
    file = f"a: 1\nb: {text}"
    *_, block = scalars(one(file))
    assert (block.quoted, block.location, block.origin.exact) == (True, Location(2, 4), True)
    lines = file.split("\n")
    assert len(block.origin.lines) == block.text.count("\n") + 1
    for number, line in enumerate(block.text.split("\n"), 1):
        for col, sign in enumerate(line, 1):
            at = block.origin.at(number, col)
            assert lines[at.line - 1][at.col - 1] == sign, (number, col, at)
    assert file[slice(*block.span)] == text.rstrip()


def test_an_empty_block_stands_on_the_line_below() -> None:
    """It has no character."""
    *_, block = scalars(one("b: |\n"))
    assert (block.text, block.origin.lines) == ("", (Location(2, 1),))


FAULTS = {
    "a tab": ("a:\n\t- b", ["f.yaml:2:1: error[yaml_invalid]: a tab stands here: YAML takes spaces only"]),
    "a tab between words": ("a\tb: c", ["f.yaml:1:2: error[yaml_invalid]: a tab stands here: YAML takes spaces only"]),
    "a tab that is not what is wrong": (
        "'a\n\tb",
        ["f.yaml:2:3: error[yaml_invalid]: not YAML: found unexpected end of stream"],
    ),
    "a tab after the blanks": (
        "a:\n  \tb: c\n  \td: e",
        ["f.yaml:2:3: error[yaml_invalid]: a tab stands here: YAML takes spaces only"],
    ),
    "an expression in braces": (
        "x: { y: ${ z } }",
        [
            (
                "f.yaml:1:10: error[yaml_invalid]: not YAML: expected ',' or '}', but got '{'. Inside { } and [ ],"
                ' an expression stands in quotes: "${ … }"'
            )
        ],
    ),
    "a brace that has no end": (
        "{a: 1",
        ["f.yaml:1:6: error[yaml_invalid]: not YAML: expected ',' or '}', but got '<stream end>'"],
    ),
    "an expression in brackets": (
        "x:\n- [${ y }]",
        [
            (
                "f.yaml:2:5: error[yaml_invalid]: not YAML: expected ',' or ']', but got '{'. Inside { } and [ ],"
                ' an expression stands in quotes: "${ … }"'
            )
        ],
    ),
    "an expression in quotes, and a brace that has no end": (
        "{a: '${ b }'",
        ["f.yaml:1:13: error[yaml_invalid]: not YAML: expected ',' or '}', but got '<stream end>'"],
    ),
    "braces in braces without a comma": (
        "{a: b {",
        ["f.yaml:1:7: error[yaml_invalid]: not YAML: expected ',' or '}', but got '{'"],
    ),
    "a colon in a text": (
        "a: b: c",
        [
            (
                "f.yaml:1:5: error[yaml_invalid]: not YAML: mapping values are not allowed here. A text with `: ` in it"
                " stands in quotes; and look at the indentation"
            )
        ],
    ),
    "no value where one is needed": (
        "b: [\n",
        ["f.yaml:2:1: error[yaml_invalid]: not YAML: expected the node content, but found '<stream end>'"],
    ),
    "a character that YAML does not have": (
        "a: b\nc: \x07",
        [
            (
                "f.yaml:1:1: error[yaml_invalid]: not YAML: unacceptable character #x0007: special characters are not"
                ' allowed in "<unicode string>", position 8'
            )
        ],
    ),
    "a tag": (
        "a: !x b",
        [
            (
                "f.yaml:1:4: error[yaml_trap]: YAML reads '!x' as a tag, not as text: put the value in quotes,"
                " and write conditions as ${ !x }"
            )
        ],
    ),
    "a tag of a list": (
        "a: !x [b]",
        [
            (
                "f.yaml:1:4: error[yaml_trap]: YAML reads '!x' as a tag, not as text: put the value in quotes,"
                " and write conditions as ${ !x }"
            )
        ],
    ),
    "a tag of YAML's own": ("a: !!str b\nc: !!map { d: e }", []),
    "half of a character": (
        r'a: "b \ud83d c"',
        [
            (
                "f.yaml:1:4: error[yaml_invalid]: the text holds '\\ud83d', half of a character: write the character"
                " itself, or \\U and 8 digits"
            )
        ],
    ),
    "a key that is a list": (
        "? [a]\n: b",
        [
            (
                "f.yaml:1:3: error[yaml_invalid]: a key must be a word, not a list or a map. "
                'An expression is written "${ … }", in quotes'
            )
        ],
    ),
    "a key twice": ("a: 1\nb: 2\na: 3", ["f.yaml:3:1: error[key_duplicate]: 'a' stands here and in line 1: keep one"]),
    "a key three times": (
        "a: 1\na: 2\na: 3",
        [
            "f.yaml:2:1: error[key_duplicate]: 'a' stands here and in line 1: keep one",
            "f.yaml:3:1: error[key_duplicate]: 'a' stands here and in line 1: keep one",
        ],
    ),
    "two numbers that are one": (
        "1: a\n1.0: b",
        ["f.yaml:2:1: error[key_duplicate]: '1.0' stands here and in line 1: keep one"],
    ),
    "true, a number and a text are three keys": ("true: a\n1: b\n'1': c\n'true': d", []),
    "an alias inside itself": (
        "a: &x [*x]",
        ["f.yaml:1:1: error[yaml_invalid]: nested deeper than 60, or too large by its aliases"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), FAULTS.values(), ids=FAULTS)
def test_a_fault_says_what_it_is_and_where(text: str, expected: list[str]) -> None:
    """And what to do, where it is a mistake that many make."""
    assert told(text) == expected


def test_what_is_right_is_kept_beside_what_is_not() -> None:
    """The documents before a fault, and in a map the first of two keys and all others."""
    documents, faults = read("f.yaml", "a: 1\n---\na: 2\na: 3\n? {}\n: 4\nb: 5\n---\n[")
    assert [[each.value for each in scalars(document)] for document in documents] == [["a", 1], ["a", 2, "b", 5]]
    assert [(fault.line, fault.code) for fault in faults] == [
        (4, FaultCode.KEY_DUPLICATE),
        (5, FaultCode.YAML_INVALID),
        (9, FaultCode.YAML_INVALID),
    ]


def test_half_a_character_becomes_one_that_can_be_written() -> None:
    """All halves of a text, so that it can be shown and kept."""
    (tree,), _ = read("f.yaml", r'"a \ud83d b \udc00"')
    assert isinstance(tree, Scalar)
    assert tree.text == tree.value == "a \N{REPLACEMENT CHARACTER} b \N{REPLACEMENT CHARACTER}"


def test_an_anchor_that_is_used_twice_is_no_fault() -> None:
    """Nor a warning among what a command prints."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = one("a: &x 1\nb: &x 2\nc: *x")
    assert [each.value for each in scalars(tree)] == ["a", 1, "b", 2, "c", 2]


TOO_LARGE = ["f.yaml:1:1: error[yaml_invalid]: nested deeper than 3, or too large by its aliases"]


def test_a_text_has_a_most_of_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    """More are not read at all."""
    monkeypatch.setattr(bounds, "MAX_CHARACTERS", 10)
    assert one("[23456789]") is not None
    assert read("f.yaml", "[234567890]")[0] == []
    assert told("[234567890]") == ["f.yaml:1:1: error[file_unreadable]: over 10 characters: split it into files"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("[[[a]]]", "[[[[a]]]]"),
        ("{a: {b: {c: d}}}", "{a: {b: {c: {d: e}}}}"),
        ("? [[a]]\n: b", "? [[[a]]]\n: b"),
        ("[{a: [b]}]", "[{a: [[b]]}]"),
    ],
)
def test_a_text_has_a_depth(right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of lists, maps and keys."""
    monkeypatch.setattr(bounds, "MAX_DEPTH", 3)
    assert TOO_LARGE[0] not in told(right)
    assert told(wrong) == TOO_LARGE


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("[a, b, c, d]", "[a, b, c, d, e]"), ("[{a: b}, c]", "[{a: b}, c, d]"), ("[&x [a], *x]", "[&x [a], *x, *x]")],
)
def test_a_text_has_a_most_of_nodes(right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of an alias count each time that it stands there."""
    monkeypatch.setattr(bounds, "MAX_DEPTH", 3)
    monkeypatch.setattr(bounds, "MAX_NODES", 5)
    assert told(right) == []
    assert told(wrong) == TOO_LARGE


@pytest.mark.parametrize(
    ("text", "line", "col"),
    [
        ("a:\n  b:\n  c: 1\n", 2, 5),
        ("a:   # why\n\n\nb: ''\n", 1, 11),
        ("a: {b: , c: 1}\n", 1, 7),
        ("a:\n- \n- x\n", 2, 2),
        ("a: 1\nb:", 2, 3),
        ("a: !!null\nb: 1\n", 1, 4),
    ],
)
def test_a_value_that_is_not_there_is_told_behind_its_key(text: str, line: int, col: int) -> None:
    """Not at the next key, which is well."""
    empty = [scalar for scalar in scalars(one(text)) if scalar.text == "" and not scalar.quoted]
    assert [scalar.location for scalar in empty] == [Location(line, col)]
