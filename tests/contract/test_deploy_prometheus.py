"""Alerts and dashboard: every query parses, and asks for metrics and labels that our services have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from contracts.errors import ErrorCode
from deploy.grafana import dashboard, errors
from deploy.grafana.board import FOLDER as BOARD_FOLDER
from deploy.grafana.board import Board
from services.project.declarations import SERIES
from tests.support.deployment import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARDS = (dashboard.BOARD, errors.BOARD)
BOARDS: list[list[dict[str, Any]]] = [json.loads(one.path.read_text())["panels"] for one in DASHBOARDS]
PANELS = [panel for board in BOARDS for panel in board]
# What Prometheus itself adds to each series, and writes of its own.
ADDED = {"job", "instance"}
OWN = {"up": frozenset(ADDED)}
KNOWN = SERIES | OWN


def without_variables(expression: str) -> str:
    """A panel's query as Prometheus gets it from Grafana."""
    return (
        expression.replace("$__rate_interval", "1m")
        .replace("$__range", "6h")
        .replace("$flow", ".*")
        .replace("$connection", ".*")
    )


QUERIES = {
    **{rule["alert"]: rule["expr"] for rule in RULES},
    **{
        f"{one.path.stem}: {panel['title']} {target['refId']} ({panel['type']})": without_variables(target["expr"])
        for one, board in zip(DASHBOARDS, BOARDS, strict=True)
        for panel in board
        for target in panel["targets"]
    },
}


def selectors(expression: promql_parser.Expr) -> Iterator[promql_parser.VectorSelector]:
    """Every series that an expression selects."""
    found: list[promql_parser.VectorSelector] = []

    def look(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        elif isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        return True

    promql_parser.walk(expression, look)
    yield from found


def faults(query: str) -> list[str]:
    """What a query asks for that nobody has."""
    expression = promql_parser.parse(query)
    wrong = []
    labels: set[str] = set(ADDED)
    for selector in selectors(expression):
        if selector.name not in KNOWN:
            wrong.append(f"no metric {selector.name!r}")
            continue
        labels |= KNOWN[selector.name]
        wrong += [
            f"{selector.name} has no label {matcher.name!r}"
            for matcher in selector.matchers.matchers
            if matcher.name not in KNOWN[selector.name] | ADDED
        ]
    for grouping in re.findall(r"\b(?:by|without|on|ignoring) \(([^)]*)\)", query):
        wrong += [f"no label {name!r}" for name in re.findall(r"\w+", grouping) if name not in labels]
    return wrong


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_asks_for_what_is_there(query: str) -> None:
    """Its metrics are declared, with the labels that it uses."""
    assert faults(query) == []
    assert list(selectors(promql_parser.parse(query)))


@pytest.mark.parametrize(
    "query",
    [
        "rate(flows_events_accepted[1m])",
        "flows_lag_seconds > 0",
        'flows_runs_ended_total{run_id="1"}',
        "sum by (connection) (flows_lag_records)",
        "histogram_quantile(0.5, flows_delivery_seconds)",
    ],
)
def test_what_is_not_there_would_be_found(query: str) -> None:
    """The test above can fail."""
    assert faults(query)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_tells_what_to_do(rule: dict[str, Any]) -> None:
    """Who is woken finds a summary, what it means, and numbered steps; labels in the text are labels of the query."""
    notes = rule["annotations"]
    assert {"summary", "description", "runbook"} <= notes.keys()
    assert notes["runbook"].startswith("1. ")
    assert rule["labels"]["severity"] in {"warning", "critical"}
    used = set(re.findall(r"\$labels\.(\w+)", " ".join(notes.values())))
    assert used <= {label for labels in KNOWN.values() for label in labels} | ADDED


def test_every_alert_has_its_test() -> None:
    """rules.test.yml tries each one: that it fires, and that it does not."""
    text = (FOLDER / "rules.test.yml").read_text()
    for rule in RULES:
        assert rule["alert"] in text
    assert set(re.findall(r'code="(\w+)"', text)) <= set(ErrorCode)


# Prometheus' own tool says more than any library; it is in the gate (see .ci/run) and wherever Prometheus is installed.
COMMANDS = (
    ("check", "rules", "rules.yml"),
    ("test", "rules", "rules.test.yml"),
    ("check", "config", "prometheus.yml"),
)


def checks() -> list[tuple[str, ...]]:
    """What can be run here: promtool's checks where it is installed; the parsed files everywhere."""
    return [("parse",), *(COMMANDS if shutil.which("promtool") else ())]


@pytest.mark.parametrize("check", checks(), ids=" ".join)
def test_prometheus_takes_the_files(check: tuple[str, ...]) -> None:
    """The rules load, fire when they should and not when they should not; the scrape configuration is right."""
    if check == ("parse",):
        config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        assert [FOLDER / name for name in config["rule_files"]] == [FOLDER / "rules.yml"]
        assert len({rule["alert"] for rule in RULES}) == len(RULES) > 0
        return
    done = subprocess.run(["promtool", *check], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("one", DASHBOARDS, ids=lambda one: one.file)
def test_a_dashboard_is_in_step_with_its_code(one: Board) -> None:
    """flows.json is what deploy/grafana/dashboard.py makes, api-errors.json what errors.py makes: run them."""
    assert one.path.read_text() == one.text()


def test_the_dashboards_show_what_was_promised() -> None:
    """What comes, how it ends, what waits, two-way sync; errors by connection and action; each says what it means."""
    first, second = (" ".join(panel["title"].lower() for panel in board) for board in BOARDS)
    for word in (
        "accepted",
        "delivered",
        "filtered",
        "dead letters",
        "lag",
        "accepted to delivered",
        "waits come late",
        "two-way sync",
        "held",
    ):
        assert word in first
    for word in (
        "errors, by connection",
        "by kind",
        "by action",
        "calls take",
        "dead calls",
        "waiting",
        "oldest",
        "breakers",
    ):
        assert word in second
    assert all(panel["description"] for panel in PANELS)
    for board in BOARDS:
        assert len({panel["id"] for panel in board}) == len(board)
    for panel in PANELS:
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


@pytest.mark.parametrize("board", BOARDS, ids=[one.file for one in DASHBOARDS])
def test_panels_do_not_overlap(board: list[dict[str, Any]]) -> None:
    """Each has a place of its own in the 24 columns."""
    taken: set[tuple[int, int]] = set()
    for panel in board:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place.get("x", 0), place.get("x", 0) + place["w"])
            for y in range(place.get("y", 0), place.get("y", 0) + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_generators_write_nothing_else() -> None:
    """Two dashboards, in the folder that is mounted."""
    there = sorted(file.name for file in BOARD_FOLDER.iterdir())
    assert there == ["api-errors.json", "flows.json"]
