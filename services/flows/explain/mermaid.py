"""A flow as a Mermaid flowchart: https://mermaid.js.org/syntax/flowchart.html ."""

from __future__ import annotations

from services.flows.explain.outline import FlowOutline, Item
from services.flows.steps.kind import Look

SHAPES = {
    Look.CHOICE: ("{", "}"),
    Look.WAIT: ("([", "])"),
    Look.STOP: ("((", "))"),
    Look.CALL: ("[[", "]]"),
}
LONGEST = 60

Loose = list[tuple[str, str]]
"""Ends of arrows that wait for what comes next: node, label."""


def as_mermaid(flow: FlowOutline) -> str:
    """The diagram's source."""
    lines = ["flowchart TD"]
    when = f"<br/>when {_safe(flow.when)}" if flow.when is not None else ""
    priority = f"<br/>{flow.priority}" if flow.priority is not None else ""
    deadline = f"<br/>{_safe(flow.deadline)}" if flow.deadline is not None else ""
    start = " or ".join(flow.triggers) + when + priority + deadline
    lines.append(f'  start(["{start}"])')
    loose = _chain(lines, flow.items, [("start", "")])
    if loose:
        lines.append('  delivered(["delivered"])')
        _join(lines, loose, "delivered")
    return "\n".join(lines) + "\n"


def _chain(lines: list[str], items: tuple[Item, ...], loose: Loose) -> Loose:
    for item in items:
        name = "s" + item.path.replace(".", "_")
        begin, end = SHAPES.get(item.look, ("[", "]"))
        lines.append(f'  {name}{begin}"{_safe(item.title)}"{end}')
        _join(lines, loose, name)
        if item.ends:
            return []
        loose = [(name, "")] if not item.branches else []
        for number, branch in enumerate(item.branches):
            if branch.ends and not branch.items:
                # A trigger's name is no name of Mermaid's.
                end_name = f"{name}_{branch.label if branch.label.isidentifier() else f'end_{number}'}"
                lines.append(f'  {end_name}(("{_safe(branch.label)}"))')
                _join(lines, [(name, branch.label)], end_name)
            else:
                loose = [*loose, *_chain(lines, branch.items, [(name, branch.label)])]
    return loose


def _join(lines: list[str], loose: Loose, name: str) -> None:
    for before, label in loose:
        lines.append(f'  {before} -->|"{_safe(label)}"| {name}' if label else f"  {before} --> {name}")


def _safe(text: str) -> str:
    """Text inside quotes: https://mermaid.js.org/syntax/flowchart.html#entity-codes-to-escape-characters ."""
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    for sign, code in (("#", "#35;"), ("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        cut = cut.replace(sign, code)
    return cut
