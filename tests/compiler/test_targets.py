"""The same generator for every machine: narrower vectors here, another architecture as assembly."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from unrolled import cells
from unrolled.compiler.gradient import differentiate
from unrolled.compiler.jit import assembly
from unrolled.compiler.kernel import kernel_ir
from unrolled.compiler.layout import Layout
from unrolled.compiler.schedule import schedule
from unrolled.compiler.target import NEON, Target, host
from unrolled.compiler.trace import trace

AGAINST_THE_REFERENCE = """
import torch, unrolled
from unrolled import cells
from unrolled.compiler.target import host
assert host().name == "{name}", host()
torch.manual_seed(0)
for name in ("lstm", "gru-reset-before", "layer-norm-lstm", "rnn"):
    cell = cells.make(name, 3, 19)
    lengths, results = torch.tensor([7, 0, 1, 4, 7]), []
    for backend in ("cpu", "reference"):
        x = torch.randn(5, 7, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
        outputs, _ = unrolled.unroll(cell, x, lengths, backend=backend)
        results.append([outputs, *torch.autograd.grad(outputs.sin().sum(), [x, *cell.parameters()])])
    for found, expected in zip(*results):
        assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5), name
print("the same")
"""


@pytest.mark.skipif(host().name not in ("avx512", "avx2"), reason="needs an x86 processor with AVX2")
def test_avx2_gives_the_references_numbers() -> None:
    code = AGAINST_THE_REFERENCE.format(name="avx2")
    environment = os.environ | {"UNROLLED_SIMD": "avx2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.strip() == "the same", done.stderr


def compiled_for(target: Target, *, double: bool = False) -> list[str]:
    both = differentiate(trace(cells.LSTM(3, 19)), target.lanes(double))
    texts = []
    for program, ascending in ((both.forward, True), (both.backward, False)):
        loops = schedule(program)
        layout = Layout(loops, target, double=double)
        ir = kernel_ir(loops, layout, double=double, ascending=ascending, triple=target.triple)
        texts.append(assembly(ir, target))
    return texts


@pytest.mark.parametrize("double", [False, True])
def test_neon_assembles(double: bool) -> None:
    lanes = "2d" if double else "4s"
    for text in compiled_for(NEON, double=double):
        assert "fmla" in text
        assert f".{lanes}" in text
        assert "bl\tsleef" not in text


@pytest.mark.skipif(host().name != "avx512", reason="needs AVX-512")
def test_the_products_stay_in_registers() -> None:
    forward = compiled_for(host())[0]
    assert forward.count("vfmadd231ps") >= 24
    assert "zmm31" in forward
