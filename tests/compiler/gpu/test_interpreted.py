"""The kernels for GPUs without one: Triton's interpreter runs them on the CPU, in a process of its own.

Triton decides when it is imported whether it interprets, so the laws of `tests/test_laws.py` and the tests of
`interpreted.py` run in another process, where the backend "triton" serves tensors on the CPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="triton is not installed")

ROOT = Path(__file__).parents[3]
LAWS = "tests/test_laws.py"


def interpreted(*arguments: str) -> None:
    """Runs pytest under Triton's interpreter."""
    # NumPy, which interprets, warns of what stands in a tile's padding.
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-W", "ignore::RuntimeWarning"]
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


def test_outputs_states_and_every_gradient_of_every_cell_and_padding() -> None:
    laws = "((outputs_states and dtype0) or (a_padded_batch and True))"
    interpreted(LAWS, "-k", f"TestCells and triton and {laws} and not no-bias and not forget-bias")


def test_what_the_laws_do_not_reach() -> None:
    interpreted(str(Path(__file__).with_name("interpreted.py")))


@pytest.mark.slow
def test_all_laws() -> None:
    interpreted(LAWS, "-k", "TestCells and triton")
