"""Tests of the kernels for GPUs in a process of their own, on a GPU or in Triton's interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import torch

ROOT = Path(__file__).parents[3]
LAWS = "tests/test_laws.py"
BEYOND_LAWS = str(Path(__file__).with_name("interpreted.py"))
ONLY_ON_A_GPU = str(Path(__file__).with_name("on_a_gpu.py"))


@cache
def has_gpu() -> bool:
    """Whether torch can use a GPU of this machine; this process sees none."""
    if torch.version.cuda is None and torch.version.hip is None:
        return False
    ask = "import torch; raise SystemExit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", ask], env=seeing_gpus(), check=False).returncode == 0


def seeing_gpus() -> dict[str, str]:
    """The environment of a process that sees the GPUs; see tests/conftest.py."""
    environment = dict(os.environ)
    if environment["UNROLLED_TEST_GPUS"] == "all":
        del environment["CUDA_VISIBLE_DEVICES"]
    else:
        environment["CUDA_VISIBLE_DEVICES"] = environment["UNROLLED_TEST_GPUS"]
    return environment


def run_tests(*arguments: str, **environment: str) -> str:
    """Runs pytest, and gives what it printed.

    Args:
        arguments: of pytest.
        environment: variables besides this process's.
    """
    # NumPy, which interprets, warns of what stands in a tile's padding.
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::RuntimeWarning"]
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=seeing_gpus() | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert "passed" in done.stdout
    return done.stdout
