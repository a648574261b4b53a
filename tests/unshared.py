"""Programs with file systems of their own, in a user namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT


def run(module: str, *arguments: str) -> str:
    """What `python -m module` prints under `unshare -rm`; skips where that is not allowed."""
    able = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"]
    if shutil.which("unshare") is None or subprocess.run(able, capture_output=True).returncode:
        pytest.skip("nobody may mount a file system here")
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-m", module, *arguments],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
