"""A third authorization server that nobody here wrote: the example server of github.com/zitadel/oidc, in Go.

It takes client credentials, codes with PKCE, refresh tokens once, signed statements, and clients with keys whose proof
names its issuer. Where Go or its module proxy is not there, tests that need it are skipped.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.local.ports import free_port

SOURCE = Path(__file__).parent
BUILD_SECONDS = 240


@dataclass(frozen=True)
class GoAuthority:
    """It runs. A person is `USER` with `PASSWORD` there; `redirect` is where codes go."""

    issuer: str
    redirect_port: int

    USER, PASSWORD = "test-user@127.0.0.1", "verysecure"


@functools.cache
def built() -> Path:
    """The program; made once by each process of tests. Skips the test where it cannot be."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("there is no Go here")
    program = Path(tempfile.mkdtemp(prefix="flows-go-")) / "authority"
    done = subprocess.run(
        [go, "build", "-o", str(program), "."],
        cwd=SOURCE,
        env={**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"it cannot be built here: {done.stderr[-300:]}")
    return program


@contextlib.contextmanager
def go_authority(public_key: Path) -> Iterator[GoAuthority]:
    """Serve it on the loopback address; `public_key`: PEM, of the client `keyed` and of everybody who signs."""
    port, redirect = free_port(), free_port()
    environ = {
        **os.environ,
        "ADDRESS": f"127.0.0.1:{port}",
        "CLIENT_KEY": str(public_key),
        "REDIRECT": f"http://127.0.0.1:{redirect}/callback",
    }
    process = subprocess.Popen([built()], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        issuer = f"http://127.0.0.1:{port}/"
        _wait_for(f"{issuer}healthz")
        yield GoAuthority(issuer, redirect)
    finally:
        process.kill()
        process.wait()


def _wait_for(address: str) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            urllib.request.urlopen(address, timeout=1).close()  # noqa: S310 - to ourselves
        except OSError:
            assert time.monotonic() < end, "it does not listen"
            time.sleep(0.02)
        else:
            return
