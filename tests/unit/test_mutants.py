"""What `make mutants` picks, and what it says of it."""

from __future__ import annotations

import json
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from threading import Timer

import pytest

from tests.mutants.sample import (
    START_SECONDS,
    most_seconds,
    of_file,
    of_group,
    sampled,
    survivors,
    timed_out,
    verdicts,
)
from tests.mutants.unobservable import Unobservable, reason, unobservable

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What mutmut leaves behind: two files with mutants, and which tests call what."""
    for number, codes in enumerate(({"a.x_f__mutmut_1": 0, "a.x_f__mutmut_2": 1}, {"b.x_g__mutmut_1": None})):
        (tmp_path / f"{number}.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    stats = {
        "tests_by_mangled_function_name": {"a.x_f": ["one", "two"], "b.x_g": ["two"]},
        "duration_by_test": {"one": 1.0, "two": 2.0},
    }
    (tmp_path / "mutmut-stats.json").write_text(json.dumps(stats))
    return tmp_path


def test_who_lived_is_who_no_test_noticed(folder: Path) -> None:
    """All tests passed, or there is none; one that was interrupted is tried again, one that hangs is noticed."""
    (folder / "2.py.meta").write_text(json.dumps({"exit_code_by_key": {"c": 33, "d": 2, "e": 36, "f": 1}}))
    found = verdicts(folder)
    assert [name for name, code in found.items() if code is None] == ["b.x_g__mutmut_1", "d"]
    assert survivors(found, found) == ["a.x_f__mutmut_1", "c"]


def test_what_is_half_written_is_read_again(folder: Path) -> None:
    """A file of mutmut, which writes it in place while somebody asks how far it is."""
    file = folder / "2.py.meta"
    file.write_text("")
    writing = Timer(0.1, file.write_text, (json.dumps({"exit_code_by_key": {"c": 0}}),))
    writing.start()
    assert verdicts(folder)["c"] == 0
    writing.join()


def test_who_came_to_no_end_is_tried_again(folder: Path) -> None:
    """On a busy machine that alone is no sign: by the clock (36), by CPU seconds (SIGXCPU), or killed after those."""
    (folder / "2.py.meta").write_text(json.dumps({"exit_code_by_key": {"c": 33, "d": -24, "e": 36, "f": 1, "g": -9}}))
    found = verdicts(folder)
    assert timed_out(found, found) == ["d", "e", "g"]
    assert timed_out(found, ["c", "e"]) == ["e"]


def test_the_same_seed_picks_the_same() -> None:
    """In whatever order they are found; and all, where there are fewer."""
    names = [f"m{number}" for number in range(100)]
    assert sampled(names, 10, 1) == sampled(reversed(names), 10, 1) != sampled(names, 10, 2)
    assert len(set(sampled(names, 10, 1))) == 10
    assert sampled(names, 1000, 1) == sorted(names)


def test_the_time_is_that_of_all_tests_that_call_the_function(folder: Path) -> None:
    """Each mutant's, shared by those that run at once."""
    assert most_seconds(folder, ["a.x_f__mutmut_1", "a.x_f__mutmut_2", "b.x_g__mutmut_1"], 2) == pytest.approx(
        (3 + 3 + 2 + 3 * START_SECONDS) / 2
    )


def test_the_mutants_of_a_file_are_those_of_its_functions_and_methods() -> None:
    """Not those of a file whose name begins alike."""
    names = ["a.b.x_f__mutmut_1", "a.b.xǁCǁg__mutmut_2", "a.bc.x_f__mutmut_1", "a.b.c.x_f__mutmut_1"]
    assert of_file(names, Path("a/b.py")) == names[:2]
    assert of_file(names, Path("a/b/__init__.py")) == names[:2]
    assert of_file(names, Path("a.py")) == []


def test_each_mutant_is_of_one_group() -> None:
    """What is of no other is of flows."""
    names = ["services.actions.queue.job.x_f__mutmut_1", "services.tools.run_jobs.x_f__mutmut_1", "services.actionsx.a"]
    assert (of_group(names, "actions"), of_group(names, "flows")) == (names[:1], names[1:])


def test_a_reason_is_that_of_the_function_and_its_line() -> None:
    """Whatever number the mutant has; where it says what became of the line, only of that change."""
    known = [Unobservable(function="a.x_f", line="x = 1", reason="any")]
    known += [Unobservable(function="a.x_g", line="x = 1", changed=frozenset({"x = 2"}), reason="one")]
    known += [Unobservable(function="a.x_g", line="y=1,", changed=frozenset({""}), reason="gone")]
    diff = ["-    x = 1", "+    x = 2"]
    assert reason(known, "a.x_f__mutmut_7", diff) == "any"
    assert reason(known, "a.x_g__mutmut_7", diff) == "one"
    assert reason(known, "a.x_g__mutmut_8", ["-    x = 1", "+    x = None"]) is None
    assert reason(known, "a.x_h__mutmut_7", diff) is None
    assert reason(known, "a.x_g__mutmut_9", ["-    y=1,", "-)", "+)"]) == "gone"
    assert reason(known, "a.x_g__mutmut_9", ["-    y=1,", "+    y=2,"]) is None


def test_every_reason_is_of_a_line_that_is_there() -> None:
    """A line that is changed takes its reason with it."""
    gone = []
    for each in unobservable():
        module = each.function.rpartition(".")[0]
        lines = {line.strip() for line in (ROOT / (module.replace(".", "/") + ".py")).read_text().splitlines()}
        if each.line not in lines:
            gone.append(each)
    assert gone == []


def test_what_is_mutated_and_what_shall_notice_it_are_there() -> None:
    """A file that is moved takes its line in pyproject.toml with it: mutmut passes over a pattern that fits none."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
    named = [*told["source_paths"], *told["also_copy"], *told["pytest_add_cli_args_test_selection"]]
    assert [name for name in named if not (ROOT / name.partition("::")[0]).exists()] == []
    files = [str(file.relative_to(ROOT)) for folder in told["source_paths"] for file in (ROOT / folder).rglob("*.py")]
    patterns = [*told["only_mutate"], *told["do_not_mutate"]]
    assert [pattern for pattern in patterns if not any(fnmatch(file, pattern) for file in files)] == []
