"""Kernels touch no byte outside of their buffers: every buffer ends, or begins, at a page that must not be touched."""

from __future__ import annotations

import signal
import sys

import pytest

from reliability.guards import FIXED, RANDOM, TOUCH, run

CELLS = ["lstm,gru", "gru-reset-before,layer-norm-lstm", "peephole-lstm,projected-lstm", "slstm,min-lstm,ind-rnn,rnn"]


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages as Linux does")
@pytest.mark.parametrize("side", ["start", "end"])
class TestGuardPages:
    @pytest.mark.parametrize("names", CELLS)
    def test_kernels_stay_inside(self, side: str, names: str) -> None:
        done = run(FIXED, side, names)
        assert done.stdout.strip() == "clean", (done.returncode, done.stderr[-2000:])

    @pytest.mark.parametrize("name", ["lstm", "min-gru"])
    def test_random_shapes_and_strides(self, side: str, name: str) -> None:
        done = run(RANDOM, side, name, "40", "0")
        assert done.stdout.strip() == "clean", (done.returncode, done.stderr[-2000:])

    def test_a_touch_is_noticed(self, side: str) -> None:
        assert run(TOUCH, side).returncode in (-signal.SIGSEGV, -signal.SIGBUS)
