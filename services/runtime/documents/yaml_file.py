"""A YAML file of configuration, with the line and column of each of its parts.

For flows there is a reader of its own (`yaml_tree`): it knows where each character of an expression stands, and takes
less for a value. This one takes what YAML 1.2 has, as dates, merges and comments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from services.runtime.documents.bounds import TooLargeError, check_text, nodes
from services.runtime.documents.faults import FaultCode

Where = tuple[str, ...]
"""The way to a part: keys, and numbers of a list's items."""


class FileError(Exception):
    """A file cannot be read. Line and column count from 1; the text never holds what stands in the file."""

    def __init__(self, code: FaultCode, line: int, col: int, text: str) -> None:
        super().__init__(text)
        self.code, self.line, self.col = code, line, col


@dataclass(frozen=True)
class YamlFile:
    """A file that could be read. `document` is the library's own."""

    document: Any

    def content(self) -> Any:  # noqa: ANN401 - YAML is anything
        """What it holds, without the library's own types."""
        return _plain(self.document)

    def written(self, loc: Sequence[int | str]) -> Where:
        """The way to a part as it is written: one value may stand where a list could."""
        node, where = self.document, []
        for part in loc:
            if isinstance(part, int) and not isinstance(node, CommentedSeq):
                continue
            where.append(str(part))
            inner = isinstance(node, CommentedMap) and part in node
            node = node[part] if inner or (isinstance(node, CommentedSeq) and isinstance(part, int)) else None
        return tuple(where)

    def location(self, where: Where, *, key: bool = False) -> tuple[int, int]:
        """Line and column (from 1) of the deepest part of a way that the file has: of its key, or of its value.

        The value of a key is where it is one word or one line; else the key says better which one is meant.
        """
        at, node = (0, 0), self.document
        for number, part in enumerate(where, 1):
            if isinstance(node, CommentedMap) and part in node:
                own = key and number == len(where)
                value = node[part]
                at = node.lc.key(part) if own or isinstance(value, CommentedMap | CommentedSeq) else node.lc.value(part)
                node = value
            elif isinstance(node, CommentedSeq) and part.isdecimal() and int(part) < len(node):
                at, node = node.lc.item(int(part)), node[int(part)]
            else:
                break
        return at[0] + 1, at[1] + 1


def read(path: Path) -> YamlFile:
    """The file. Raises FileError."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        check_text(text)
        for _ in nodes(text):
            pass  # each is small, or raises
        return YamlFile(YAML(typ="rt").load(text))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise FileError(FaultCode.FILE_UNREADABLE, 1, 1, f"cannot be read: {reason}") from None
    except TooLargeError as error:
        raise FileError(FaultCode.FILE_UNREADABLE, 1, 1, f"cannot be read: it is {error}") from None
    except DuplicateKeyError as error:
        # Its own text shows both values, and somebody may have written a secret there.
        what = "this key stands in its mapping already: keep one"
        raise FileError(FaultCode.KEY_DUPLICATE, *_mark(error), what) from None
    except MarkedYAMLError as error:
        what = f"this is not YAML: {error.problem or error.context}"
        raise FileError(FaultCode.YAML_INVALID, *_mark(error), what) from None
    except YAMLError as error:
        what = f"this is not YAML: {' '.join(str(error).split())[:200]}"
        raise FileError(FaultCode.YAML_INVALID, 1, 1, what) from None
    except (ValueError, TypeError, AttributeError, LookupError, AssertionError, RecursionError):
        # ruamel.yaml lets these through, and their texts may hold a value.
        what = "this is not YAML: a value is none of its tag, such as a date with a month 99, or is nested too deep"
        raise FileError(FaultCode.YAML_INVALID, 1, 1, what) from None


def _mark(error: MarkedYAMLError) -> tuple[int, int]:
    mark = error.problem_mark or error.context_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _plain(node: Any) -> Any:  # noqa: ANN401 - YAML is anything
    if isinstance(node, CommentedMap):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(value) for value in node] if isinstance(node, CommentedSeq) else node
