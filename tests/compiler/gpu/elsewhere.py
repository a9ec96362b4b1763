"""Tests of the kernels for GPUs in a process of their own, on a GPU or in Triton's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LAWS = "tests/test_laws.py"
BEYOND_LAWS = str(Path(__file__).with_name("interpreted.py"))


def run_tests(*arguments: str, **environment: str) -> str:
    """Runs pytest, and gives what it printed.

    Args:
        arguments: of pytest.
        environment: variables besides this process's.
    """
    # NumPy, which interprets, warns of what stands in a tile's padding.
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::RuntimeWarning"]
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert "passed" in done.stdout
    return done.stdout
