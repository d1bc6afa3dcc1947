"""The form of a recording: JSON files, a file a flow, and how a message stands in them. README.md there explains it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

FOLDER = Path(__file__).parents[1] / "data" / "recorded"
MANIFEST = "manifest.json"
READINGS = "readings.json"
Json = dict[str, Any]


def releases() -> list[Path]:
    """The folders of all releases that are recorded."""
    return sorted(path.parent for path in FOLDER.glob(f"*/{MANIFEST}"))


def read(file: Path) -> Json:
    """One file."""
    found: Json = orjson.loads(file.read_bytes())
    return found


def readings(folder: Path) -> Json:
    """What was read of what people sent, and what was an echo."""
    return read(folder / READINGS)


def stories(folder: Path) -> Iterator[tuple[str, Json]]:
    """The recorded flows of a release, each with its file's name."""
    for file in sorted(folder.glob("*.json")):
        if file.name not in (MANIFEST, READINGS):
            yield file.stem, read(file)


def write(file: Path, value: object) -> None:
    """Write one file: compact, a line at its end."""
    file.write_bytes(orjson.dumps(value) + b"\n")


def run_of(played: Json, number: int, event: Json) -> Json:
    """The run, whole, as it stands in the message that turn `number` reads."""
    run = played["begin"] if number == 0 else played["turns"][number - 1]["run"]
    return {**run, "event": event}


def message_of(played: Json, number: int, event: Json) -> Json:
    """The RunMessage of turn `number`, as the release wrote it on `runs`."""
    return {"run": run_of(played, number, event), **played["turns"][number]["with"]}


def request_of(turn: Json, event: Json) -> Json:
    """The ActionRequest of a turn that ends in one, as the release wrote it on `actions`."""
    return {**turn["next"]["act"], "run": {**turn["run"], "event": event}}


def unplayed(folder: Path) -> list[str]:
    """What a release declares and no run of its recording does: kinds of step, triggers, tools, actions, ends."""
    manifest = read(folder / MANIFEST)
    done: set[str] = set()
    for _, recorded in stories(folder):
        for case in recorded["cases"]:
            done |= {f"trigger {noted['event']['type']}" for noted in case["events"]}
            done |= {f"end {end['outcome']}" for end in case["ends"]}
            for played in case["runs"]:
                steps = recorded["flows"][played["flow"]]["steps"]
                done |= {steps[told.split()[0]] for told in played["trace"] if told.split()[0] in steps}
                done |= {f"end {turn['ends']['outcome']}" for turn in played["turns"] if "ends" in turn}
    if any(not one["judged"]["foreign"] for one in readings(folder)["echoes"]):
        done.add("end suppressed")
    done |= {f"kind {one.split()[0]}" for one in done}
    parts = {"kinds": "kind", "triggers": "trigger", "tools": "tool", "actions": "action", "outcomes": "end"}
    return sorted({f"{what} {name}" for part, what in parts.items() for name in manifest[part]} - done)


def need_name(need: object) -> str:
    """What recordings call a need, whatever its class is called now. Code up to 0.2.0 declares no `label`."""
    return str(getattr(need, "label", type(need).__name__)).capitalize()
