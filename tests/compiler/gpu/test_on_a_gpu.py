"""The kernels for GPUs on one: the laws, every way to run a program, and the loop that is recorded as a CUDA graph."""

from __future__ import annotations

import pytest
import torch

from tests.compiler.gpu.elsewhere import BEYOND_LAWS, LAWS, run_tests

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_laws() -> None:
    told = run_tests(LAWS, "-k", "TestCells and triton", UNROLLED_TEST_DEVICE="cuda")
    assert "skipped" not in told


def test_what_the_laws_do_not_reach() -> None:
    run_tests(BEYOND_LAWS, UNROLLED_TEST_DEVICE="cuda")
