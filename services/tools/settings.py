"""The settings of services/tools, declared once: name, type, default, description."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from services.runtime.settings import HoldSettings


class ToolsSettings(HoldSettings):
    """What services/tools reads."""

    flows_dir: Path | None = Field(
        default=None,
        description="folder of flow files to run, for one machine; none: what `flows deploy` put into the database",
    )
    vars_file: Path | None = Field(
        default=None, description="values of the `vars` of flows.yaml, for FLOWS_FLOWS_DIR and the command line"
    )
    batch_size: int = Field(default=500, ge=1, le=5000, description="most records taken at once")
    batch_seconds: float = Field(default=0.01, gt=0, le=1, description="longest wait for a batch to fill")
    answer_hours: float = Field(
        default=192.0,
        gt=0,
        description="what steps with state were answered is kept for replays: longer than Kafka keeps `runs`",
    )
    echo_suppression: bool = Field(
        default=True, description="changes that our own writes caused are ignored; false: two-way sync loops"
    )
    echo_seconds: float = Field(
        default=600.0,
        ge=1,
        le=86_400,
        description="how long a write waits for its echo, beside the time of its retries",
    )
    ledger_days: float = Field(
        default=7.0, gt=0, description="how long `flows sync explain` knows why a change passed or not"
    )
    most_hops: int = Field(
        default=5, ge=1, le=100, description="writes after a first change; over it a fast change is held as a loop"
    )
    most_changes_a_minute: int = Field(
        default=20,
        ge=1,
        description="changes of one entity within a minute that are fast, where they follow our writes",
    )
    timer_rate: float = Field(
        default=1000.0, gt=0, le=100_000, description="waits that end a second and process: overdue ones flood nobody"
    )
