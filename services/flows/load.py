"""Flow files → flows with locations. Reads files; everything else in this package is pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from services.flows.flow import Flow
from services.flows.lookup_tables import Beside, Tables, beside
from services.flows.names import VARS
from services.flows.parse import parse
from services.flows.secrets import masked
from services.flows.vars import FILE as VARS_FILE
from services.flows.vars import NONE, PREFIX, Given, Vars, declared, is_vars
from services.runtime.documents.bounds import MAX_CHARACTERS
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.yaml_tree import Mapping, Scalar, read

SUFFIXES = (".yaml", ".yml")
TEST_SUFFIXES = (".test.yaml", ".test.yml")
VALUES_SUFFIXES = (".vars.yaml", ".vars.yml")
"""Of files with values of `vars`, for `--vars`."""
SOURCES_SUFFIXES = ("sources.yaml", "sources.yml")
PROJECT_FILE = "flows.yaml"
FACTS_FILE = "closum.yaml"
_OF_A_FLOW = ("flow", "on", "steps")
_KEY = re.compile(r"""^["']?(\w+)["']?[ \t]*:""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FlowSource:
    """One flow as it stands in a file.

    `faults` are those of its form (the ones that loading reported too). A source with faults can be checked, so that
    one run shows everything, but not compiled.
    """

    file: str
    flow: Flow
    faults: tuple[Fault, ...] = ()
    text: str = ""
    """All of the file, with the tables that stand in files beside it and the values of `vars`: what is deployed."""
    vars: Vars = NONE

    @property
    def name(self) -> str:
        """The flow's name; empty when the file gives none."""
        return self.flow.name.text


def load_paths(
    paths: Sequence[Path], vars_file: Path | None = None, *, values_file: Path | None = None
) -> tuple[list[FlowSource], list[Fault]]:
    """All flows of files and folders, and all faults of their form.

    In folders it reads `*.yaml` and `*.yml` recursively, without `*.test.yaml`, `*.vars.yaml`, sources and
    connections files, a project's `flows.yaml`, and what is hidden.

    Never raises for what a file holds or for a path that is not there: both are faults. A file can hold several flows,
    separated by `---`. A file that is named twice is read once.

    Flows read the `vars` of the project that they are in (`flows.yaml`, found upward). Their values are those of
    `vars_file`, of FLOWS_VAR_…, of `values_file` (that of FLOWS_VARS_FILE), else their defaults, in this order.
    """
    known = _Environment(vars_file, values_file)
    sources: list[FlowSource] = []
    faults: list[Fault] = []
    seen: set[Path] = set()
    for path in paths:
        try:
            files = list(_files(path))
        except OSError as error:
            faults.append(_unreadable(path, f"cannot be read: {error.strerror}"))
            continue
        if not files:
            remedy = "there is no such file" if not path.exists() else "there is no flow (*.yaml) in this folder"
            faults.append(_unreadable(path, remedy))
        for file in files:
            if (resolved := file.resolve()) in seen or (path.is_dir() and is_sources(file)):
                continue
            seen.add(resolved)
            found, wrong = _load_file(file, known)
            sources += found
            faults += wrong
    return sources, sorted({*faults, *known.faults})


def load_text(
    text: str, file: str = "flow.yaml", files: Beside | None = None, known: Vars | None = None
) -> tuple[list[FlowSource], list[Fault]]:
    """The flows of a text, and all faults of their form. Never raises.

    `files` reads what the text names beside it; without it, such a name is a fault. `known` are the `vars` of the
    project; without them, those that the text holds, as that of a deployed flow does.
    """
    trees, faults = read(file, text)
    if known is None and trees and is_vars(trees[-1]):
        last = trees.pop()
        assert isinstance(last, Mapping)  # noqa: S101 - it is one
        known, wrong_vars = declared(file, last.get(VARS), {})
        faults += wrong_vars
        text = text.rpartition("---\n")[0]
    known = known or NONE
    if not trees and not faults:
        faults.append(
            Fault(file, 1, 1, FaultCode.KEY_MISSING, "the file is empty: a flow has `flow`, `on` and `steps`")
        )
    tables = Tables(file, files)
    parsed = [parse(file, tree, tables) for tree in trees]
    whole = tables.whole(text)
    if known.types:
        whole = f"{whole.rstrip()}\n{known.document()}"
    if len(whole) > MAX_CHARACTERS:
        said = f"over {MAX_CHARACTERS:,} characters with its tables: split it into files"
        tables.faults.append(Fault(file, 1, 1, FaultCode.FILE_UNREADABLE, said))
    reading = (*faults, *tables.faults)
    names = known.read_by(text)
    sources = [
        FlowSource(file, known.bound(flow, names), (*reading, *wrong), whole, known)
        for flow, wrong in parsed
        if flow is not None
    ]
    told = [*reading, *(fault for _, wrong in parsed for fault in wrong)]
    return sources, sorted(replace(fault, text=masked(fault.text)) for fault in told)


def is_sources(file: Path) -> bool:
    """Whether this is a sources file, which says who sends what: by its name, or by what it holds."""
    return file.name.endswith(SOURCES_SUFFIXES) or _holds(file, "sources")


def is_project(file: Path) -> bool:
    """Whether this is the `flows.yaml` that marks a project's root. A file of flows may have that name too."""
    return _is_named(file, PROJECT_FILE)


def _is_named(file: Path, name: str) -> bool:
    return file.name == name and file.is_file() and _keys(file).isdisjoint(_OF_A_FLOW)


def _holds(file: Path, key: str) -> bool:
    """Whether a file has this key, and none of a flow's."""
    keys = _keys(file)
    return key in keys and keys.isdisjoint(_OF_A_FLOW)


def _keys(file: Path) -> set[str]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return set()
    return set(_KEY.findall(text))


def yaml_files(folder: Path) -> Iterator[Path]:
    """Flows and sources files of a folder and those in it, in order of their names. Hidden ones are not ours."""
    yield from (each for each in sorted(folder.rglob("*")) if _is_ours(each, folder))


def yaml_files_in(folder: Path) -> list[Path]:
    """Those that stand in the folder itself."""
    return [each for each in sorted(folder.iterdir()) if _is_ours(each, folder)]


def _is_ours(file: Path, folder: Path) -> bool:
    if file.suffix not in SUFFIXES or file.name.endswith(TEST_SUFFIXES + VALUES_SUFFIXES) or not file.is_file():
        return False
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    facts = _is_named(file, FACTS_FILE) and not _holds(file, "sources")
    return not hidden and not facts and not _holds(file, "connections") and not is_project(file)


class _Environment:
    """The `vars` of projects, each read once, with the values that this deployment gives."""

    def __init__(self, vars_file: Path | None, values_file: Path | None) -> None:
        self.faults: list[Fault] = []
        self._given = self._values(vars_file, values_file)
        self._found: dict[Path, Vars] = {}

    def of(self, flow: Path) -> Vars:
        """Those of the project that a flow file is in; none where it is in none."""
        folder = next((each for each in flow.resolve().parents if is_project(each / PROJECT_FILE)), None)
        if folder is None:
            return NONE
        if folder not in self._found:
            self._found[folder] = self._read(folder / PROJECT_FILE)
        return self._found[folder]

    def _read(self, file: Path) -> Vars:
        shown = os.path.relpath(file)
        try:
            trees, wrong = read(shown, file.read_bytes().decode("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            self.faults.append(_unreadable(file, f"cannot be read: {error}"))
            return NONE
        self.faults += wrong
        root = trees[0] if trees and isinstance(trees[0], Mapping) else None
        found, faults = declared(shown, root.get(VARS) if root is not None else None, self._given)
        self.faults += faults
        return found

    def _values(self, vars_file: Path | None, values_file: Path | None) -> dict[str, Given]:
        """What this deployment gives."""
        if values_file is None and (named := os.environ.get(VARS_FILE)):
            values_file = Path(named)
        found = self._of_file(values_file) if values_file is not None else {}
        for variable, value in os.environ.items():
            if variable.startswith(PREFIX) and value:
                found[variable.removeprefix(PREFIX).lower()] = Given(value, variable, text=True)
        return found | (self._of_file(vars_file) if vars_file is not None else {})

    def _of_file(self, file: Path) -> dict[str, Given]:
        try:
            trees, wrong = read(str(file), file.read_bytes().decode("utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            self.faults.append(_unreadable(file, f"cannot be read: {error}"))
            return {}
        self.faults += wrong
        if not trees:
            return {}
        tree = trees[0]
        if not isinstance(tree, Mapping):
            text = "a file of values is a map from names of `vars` to values"
            self.faults.append(Fault(str(file), 1, 1, FaultCode.VALUE_INVALID, text))
            return {}
        return {
            str(key.value): Given(value.value if isinstance(value, Scalar) else None, f"{file}:{key.location.line}")
            for key, value in tree.items
        }


def _load_file(path: Path, known: _Environment) -> tuple[list[FlowSource], list[Fault]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return [], [_unreadable(path, f"is not UTF-8 (byte {error.start}): save it as UTF-8")]
    except OSError as error:
        return [], [_unreadable(path, f"cannot be read: {error.strerror}")]
    if is_sources(path):
        said = "this is a sources file, and no flow: `flows check` checks it, and ingest reads it (FLOWS_SOURCES_FILE)"
        return [], [Fault(str(path), 1, 1, FaultCode.VALUE_INVALID, said)]
    return load_text(text, str(path), beside(path), known.of(path))


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (file for file in yaml_files(path) if not file.name.endswith(SOURCES_SUFFIXES))


def _unreadable(path: Path, text: str) -> Fault:
    return Fault(str(path), 1, 1, FaultCode.FILE_UNREADABLE, text)
