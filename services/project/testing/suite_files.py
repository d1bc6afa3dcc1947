"""Which test files belong to which flows, and writing recorded expectations into them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from services.flows.load import SUFFIXES, TEST_SUFFIXES, FlowSource, load_paths
from services.flows.testing.load import SuiteSource, read_suite
from services.project.errors import ProjectError
from services.runtime.documents.faults import Fault, FaultCode
from services.runtime.documents.suggestion import suggestion

FIRST = """\
# What {flow} does, told in cases. Run them: flows test {file}
flow: {flow}
cases:
  - name: the trigger's example
    given: {{ trigger: {trigger}, example: true }}
"""


@dataclass(frozen=True, slots=True)
class Bound:
    """A suite with the flows that run in it: first the tested one."""

    suite: SuiteSource
    flows: tuple[FlowSource, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """A flow with the suites that test it."""

    source: FlowSource
    suites: tuple[Bound, ...] = ()


def flow_files(tested: Tested) -> set[str]:
    """The files of a flow and of those that run beside it in its cases."""
    beside_it = {source.file for bound in tested.suites for source in bound.flows}
    return {tested.source.file} | beside_it


def is_test(path: Path) -> bool:
    """Whether the file holds tests."""
    return path.name.endswith(TEST_SUFFIXES)


def beside(path: Path) -> Path:
    """The flow file of a test file."""
    stem = path.name.removesuffix(path.suffix).removesuffix(".test")
    files = [path.with_name(stem + suffix) for suffix in SUFFIXES]
    return next((file for file in files if file.is_file()), files[0])


def test_file(path: Path) -> Path:
    """The test file of a flow file: the one that is there, else the one to make."""
    names = [path.with_name(path.name.removesuffix(path.suffix) + suffix) for suffix in TEST_SUFFIXES]
    return next((file for file in names if file.is_file()), names[0])


def has_tests(source: FlowSource) -> bool:
    """Whether there is a test file beside a flow, broken or not."""
    return test_file(Path(source.file)).is_file()


def find(paths: Sequence[Path], vars_file: Path | None = None) -> tuple[list[Tested], list[Fault]]:
    """The flows of these paths with their suites, and all that is wrong with the form of either.

    A flow file brings the test file beside it, a test file the flow beside it, a folder all of both.
    """
    flow_paths: list[Path] = []
    tests: list[Path] = []
    for path in paths:
        if path.is_dir():
            flow_paths.append(path)
            tests += sorted(file for suffix in TEST_SUFFIXES for file in path.rglob(f"*{suffix}"))
        elif is_test(path):
            flow_paths.append(beside(path))
            tests.append(path)
        else:
            flow_paths.append(path)
            if (file := test_file(path)).is_file():
                tests.append(file)
    sources, faults = load_paths(flow_paths, vars_file)
    suites: dict[int, list[Bound]] = {}
    for file in dict.fromkeys(tests):
        suite, wrong = _read(file)
        faults += wrong
        if suite is None:
            continue
        meant = _meant(file, suite, sources)
        if isinstance(meant, Fault):
            faults.append(meant)
        else:
            suites.setdefault(id(meant[0]), []).append(Bound(suite, meant))
    return [Tested(source, tuple(suites.get(id(source), ()))) for source in sources], sorted(faults)


def _read(file: Path) -> tuple[SuiteSource | None, list[Fault]]:
    try:
        return read_suite(file.read_text(encoding="utf-8-sig"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        return None, [Fault(str(file), 1, 1, FaultCode.FILE_UNREADABLE, f"cannot be read: {error}")]


def _meant(file: Path, suite: SuiteSource, sources: Iterable[FlowSource]) -> tuple[FlowSource, ...] | Fault:
    """The flow that a suite tests, and those that run beside it."""
    near = [source for source in sources if Path(source.file).parent == file.parent]
    own = [source for source in near if Path(source.file) == beside(file)]
    names = suite.suite.also
    if suite.suite.flow is not None:
        names = [suite.suite.flow, *names]
    elif len(own) != 1:
        what = "there is no flow file beside it" if not own else "its flow file holds several flows"
        return Fault(str(file), 1, 1, FaultCode.KEY_MISSING, f"a test file needs `flow` here: {what}")
    meant = [] if suite.suite.flow is not None else own
    for name in names:
        found = next((source for source in (*own, *near) if source.name == name), None)
        if found is None:
            text = f"no flow beside it is named {name!r}: {suggestion(name, [source.name for source in near])}"
            return Fault(str(file), 1, 1, FaultCode.VALUE_INVALID, text)
        meant.append(found)
    return tuple(meant)


def begin(source: FlowSource) -> Path:
    """Make the first test file of a flow, with its trigger's example as the only case."""
    file = test_file(Path(source.file))
    if not source.flow.triggers:
        raise ProjectError(f"the flow {source.name!r} has no trigger to make a test of")
    text = FIRST.format(flow=source.name, file=file, trigger=source.flow.triggers[0].text)
    file.write_text(text, encoding="utf-8")
    return file


def write(file: Path, expectations: Mapping[int, Any]) -> None:
    """Write the expectations of cases, by their number, into a test file. Everything else in it stays as it is."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(file.read_text(encoding="utf-8"))
    for number, expected in expectations.items():
        content["cases"][number]["expect"] = _laid_out(expected)
    stream = io.StringIO()
    yaml.dump(content, stream)
    file.write_text(stream.getvalue(), encoding="utf-8")


def _laid_out(expected: Any) -> Any:  # noqa: ANN401 - JSON
    """The same, with paths in one line."""
    for run in expected if isinstance(expected, list) else [expected]:
        run["path"] = CommentedSeq(DoubleQuotedScalarString(one) if " " in one else one for one in run["path"])
        run["path"].fa.set_flow_style()
    return expected
