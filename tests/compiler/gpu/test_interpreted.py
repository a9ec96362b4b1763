"""The kernels for GPUs without one: Triton's interpreter runs them on the CPU, in a process of its own.

Triton decides when it is imported whether it interprets, so the laws of `tests/test_laws.py` and the tests of
`interpreted.py` run in another process, where the backend "triton" serves tensors on the CPU.
"""

from __future__ import annotations

import pytest

from tests.compiler.gpu.elsewhere import BEYOND_LAWS, LAWS, run_tests

pytest.importorskip("triton", reason="triton is not installed")


def interpreted(*arguments: str) -> None:
    """Runs pytest under Triton's interpreter."""
    assert "skipped" not in run_tests(*arguments, TRITON_INTERPRET="1")


def test_outputs_states_and_every_gradient_of_every_cell_and_padding() -> None:
    laws = "((outputs_states and dtype0) or (a_padded_batch and True))"
    interpreted(LAWS, "-k", f"TestCells and triton and {laws} and not no-bias and not forget-bias")


def test_what_the_laws_do_not_reach() -> None:
    interpreted(BEYOND_LAWS)


@pytest.mark.slow
def test_all_laws() -> None:
    interpreted(LAWS, "-k", "TestCells and triton")
