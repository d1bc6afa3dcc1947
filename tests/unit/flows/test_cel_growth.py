"""Work on strangers' data in expressions: every function at growing sizes, by the ratio of times, or bounded."""

from __future__ import annotations

import re
import time

import pytest

from services.flows import cel
from services.flows.names import CALLS

OF_LISTS = [
    "a.map(x, x)",
    "a.filter(x, x != '')",
    "a.map(x, x != '', x)",
    "a.all(x, x != '')",
    "a.exists(x, x == '')",
    "a.exists_one(x, x == 't5')",
    "a.join(',')",
    "a.size()",
    "'none' in a",
    "a + a",
    "a == a",
    "a[a.size() - 1]",
    "optional.of(a).optMap(x, x.size()).hasValue()",
    "optional.of(a).optFlatMap(x, x[?0]).value()",
    "a[?5].or(a[?6]).orValue('')",
    "has(m.t5) && 't6' in m",
    "type(a) == list",
    "dyn(a).size()",
    "s.split(' ').filter(x, x != '')",
    "s.split('').map(x, x)",
]
OF_TEXTS = [
    "s.split(',')",
    "s.split(',').join(';')",
    "s.replace('a', 'b')",
    "s.replace('', 'x')",
    "s.matches('(a*)*b')",
    "s.matches('[^@]+@[^@]+')",
    "s.contains('aaaaaaaaaaab')",
    "s.indexOf('aaaaaaaaaaab')",
    "s.lastIndexOf('baaaaaaaaaa')",
    "s.startsWith('a') && s.endsWith('a')",
    "s.reverse()",
    "s.upper()",
    "s.lower()",
    "s.lowerAscii()",
    "s.upperAscii()",
    "s.trim()",
    "s.substring(5)",
    "s.charAt(5)",
    "s.size()",
    "s + s",
    "s < s + 'a'",
    "strings.quote(s)",
    "base64.encode(bytes(s))",
    "'%s'.format([s])",
    "int(s)",
    "double(s)",
    "timestamp(s)",
    "duration(s)",
    "uint(s)",
    "bool(s)",
    "string(s)",
]
OF_MOMENTS = frozenset(name for name in CALLS if name.startswith("get"))
"""They take a moment, which has no length."""
QUICK_SECONDS = 0.05
MOST_TIMES = 9.0


def seconds(source: str, data: dict[str, object], tries: int) -> float:
    """The quickest of some tries, with what bounds the expression; a refusal is an answer."""
    made, refuse = cel.compiled(cel.untyped(frozenset(data)), source), cel.bound(source)
    best = float("inf")
    for _ in range(tries):
        started = time.process_time()
        try:
            if refuse is not None:
                refuse(data)
            cel.evaluate(made, data)
        except cel.EvaluationError:
            pass
        best = min(best, time.process_time() - started)
    return best


def of(size: int) -> dict[str, object]:
    """A list of so many items, and a text ten times as long."""
    return {"a": [f"t{n}" for n in range(size)], "m": {f"t{n}": n for n in range(size)}, "s": "a, " * (size * 10 // 3)}


def test_every_function_is_measured() -> None:
    """A new one too: it stands in an expression above, or says here why its work does not grow."""
    measured = {word for source in (*OF_LISTS, *OF_TEXTS) for word in re.findall(r"(\w+)\(", source)}
    assert CALLS - measured - OF_MOMENTS == set()


@pytest.mark.parametrize("source", [*OF_LISTS, *OF_TEXTS])
def test_four_times_as_much_takes_its_share_of_time(source: str) -> None:
    """At 60,000 items and 600,000 characters."""
    longest = seconds(source, of(60_000), 1)
    if longest > QUICK_SECONDS:
        assert seconds(source, of(60_000), 3) <= MOST_TIMES * max(seconds(source, of(15_000), 3), QUICK_SECONDS / 10)


@pytest.mark.parametrize(
    ("source", "trigger", "fits"),
    [
        ("trigger.tags.map(x, x)", {"tags": ["t"] * 2001}, {"tags": ["t"] * 2000}),
        ("trigger.tags.filter(x, x != '')", {"tags": ["t"] * 2001}, {"tags": ["t"] * 2000}),
        ("trigger.text.split(' ').filter(x, x != '')", {"text": "a " * 2001}, {"text": "a " * 1999}),
        ("trigger.text.split('').map(x, x)", {"text": "a" * 2001}, {"text": "a" * 2000}),
        ("trigger.rows[0].tags.map(x, x)", {"rows": [{"tags": ["t"] * 2001}]}, {"rows": [{"tags": ["t"]}]}),
        ("trigger.text.split(' ').size()", None, {"text": "a " * 9000}),
        ("trigger.tags.all(x, x != '')", None, {"tags": ["t"] * 9000}),
    ],
)
def test_a_list_that_grows_faster_is_refused_at_once(
    source: str, trigger: dict[str, object] | None, fits: dict[str, object]
) -> None:
    """The run is dead, with what to do; just below, and where no list is made, it goes on."""
    refuse = cel.bound(source)
    if trigger is not None:
        assert refuse is not None
        with pytest.raises(cel.EvaluationError, match=r"up to 2,000 items.*list\.map"):
            refuse({"trigger": trigger})
    if refuse is not None:
        refuse({"trigger": fits})
