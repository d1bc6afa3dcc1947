"""How large a file of configuration may be, whichever it is: what a person writes, and no more; or a program exports.

YAML is small on paper and large in memory: an alias can stand for aliases of aliases, or for itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Self

from ruamel.yaml import YAML
from ruamel.yaml.error import ReusedAnchorWarning
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 60
MAX_NODES = 50_000
MAX_EXPORT_BYTES = 32 * 1024 * 1024
MAX_EXPORT_SIGNS = 2_000_000
"""Of commas and open brackets: no value is without one of its own, and the largest kind takes 300 bytes of memory."""


class TooLargeError(ValueError):
    """A file is too long, nested too deep, or too large by its aliases. The text says which."""

    @classmethod
    def length(cls) -> Self:
        """Of a text with too many characters."""
        return cls(f"over {MAX_CHARACTERS} characters: split it into files")

    @classmethod
    def depth(cls) -> Self:
        """Of what unfolds."""
        return cls(f"nested deeper than {MAX_DEPTH}, or too large by its aliases")


def check_export(content: bytes) -> None:
    """Raises TooLargeError for a JSON text that would take gigabytes, or minutes. It looks at each byte a few times."""
    if len(content) > MAX_EXPORT_BYTES:
        raise TooLargeError(f"over {MAX_EXPORT_BYTES // 1024**2} MB: export the folders that matter, each by itself")
    if sum(map(content.count, (b",", b"[", b"{"))) > MAX_EXPORT_SIGNS:
        raise TooLargeError("over 2 million values: export the folders that matter, each by itself")


def check_text(text: str) -> None:
    """Raises TooLargeError for a text that nobody wrote."""
    if len(text) > MAX_CHARACTERS:
        raise TooLargeError.length()


def nodes(text: str) -> Iterator[Node]:
    """The documents of a YAML text, each known to be small. Raises TooLargeError, and what ruamel.yaml raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReusedAnchorWarning)  # an anchor that is used twice is no fault
        for document in YAML(typ="safe", pure=True).compose_all(text):
            _check(document)
            yield document


def _check(document: Node) -> None:
    """An alias counts as what it stands for. Looks at no more than MAX_NODES."""
    left, count = [(document, 0)], 0
    while left:
        node, depth = left.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise TooLargeError.depth()
        if isinstance(node, SequenceNode):
            left.extend((inner, depth + 1) for inner in node.value)
        elif isinstance(node, MappingNode):
            left.extend((inner, depth + 1) for pair in node.value for inner in pair)


def check_value(value: object) -> None:
    """Raises TooLargeError for a JSON value that is nested too deep."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner = (one.values() if isinstance(one, dict) else one if isinstance(one, list) else () for one in level)
        level = [each for items in inner for each in items]
        if not level:
            return
    raise TooLargeError.depth()
