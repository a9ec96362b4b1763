"""The kernels for GPUs on one: the laws, every way to run a program, graphs, and what models make of them."""

from __future__ import annotations

import pytest

from tests.compiler.gpu.elsewhere import BEYOND_LAWS, LAWS, ONLY_ON_A_GPU, has_gpu, run_tests

pytestmark = pytest.mark.skipif(not has_gpu(), reason="needs a GPU")


def test_laws() -> None:
    told = run_tests(LAWS, "-k", "TestCells and triton", UNROLLED_TEST_DEVICE="cuda")
    assert "skipped" not in told


def test_what_the_laws_do_not_reach() -> None:
    run_tests(BEYOND_LAWS, UNROLLED_TEST_DEVICE="cuda")


def test_what_only_a_gpu_can_show() -> None:
    # Tensors of which nobody says where they are stay on the CPU, as they do with users.
    run_tests(ONLY_ON_A_GPU, UNROLLED_TEST_DEVICE="cpu")
