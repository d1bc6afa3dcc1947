"""`python -m services.<role>`: teaches, and refuses wrong settings in words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from services.runtime import settings
from tests.support.deployment import KINDS


def call(role: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a service to its end, with nothing of ours in its environment but what is given."""
    clean = {name: value for name, value in os.environ.items() if name not in settings.known_variables()}
    return subprocess.run(
        [sys.executable, "-m", f"services.{role}", *arguments],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.parametrize("role", KINDS)
def test_help_names_every_setting(role: str) -> None:
    """With its default and its meaning."""
    done = call(role, "--help")
    assert done.returncode == 0, done.stderr
    assert f"python -m services.{role}" in done.stdout
    for field, info in KINDS[role].model_fields.items():
        assert settings.variable(KINDS[role], field) in done.stdout
        assert str(info.description) in done.stdout


@pytest.mark.parametrize("role", KINDS)
def test_a_wrong_setting_stops_the_start(role: str) -> None:
    """Exit 2 with the name, the fault and the remedy; without a stack trace and without the secret."""
    done = call(role, FLOWS_LOGLEVEL="info", FLOWS_HEALTH_PORT="high", DATABASE_URL="mysql://flows:hunter2@db/flows")
    assert done.returncode == 2
    assert "FLOWS_LOGLEVEL: no such setting; did you mean FLOWS_LOG_LEVEL?" in done.stderr
    assert "FLOWS_HEALTH_PORT='high'" in done.stderr
    assert "must begin with postgresql://" in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
