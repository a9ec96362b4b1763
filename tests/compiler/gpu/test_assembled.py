"""Every cell's kernels assemble for GPUs that are not there."""

from __future__ import annotations

import pytest
import torch

from unrolled import cells
from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu.plan import gpu_plan_for

pytest.importorskip("triton", reason="triton is not installed")

from unrolled.compiler.gpu.ahead import SHARED, assembled, assembled_launch, assembled_scan
from unrolled.compiler.gpu.form import Form


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))


# To assemble the layer-normalised LSTM's sums takes as long as all other cells.
SLOW = {("layer-norm-lstm", 80)}
CASES = [
    pytest.param(name, capability, marks=[pytest.mark.slow] if (name, capability) in SLOW else [])
    for name in sorted(cells.by_name)
    for capability in (80, 90)
]


@pytest.mark.parametrize(("name", "capability"), CASES)
def test_every_cell_assembles(name: str, capability: int) -> None:
    plan = gpu_plan_for(cells.make(name, 8, 16), Precision.BF16)
    for kernel in (plan.forward.sequence, plan.backward.sequence):
        found = assembled(kernel, capability)
        assert f".target sm_{capability}" in found.assembly
        assert 0 < found.registers <= 255
        # The layer-normalised LSTM's backward step has some fifty vectors alive.
        assert found.spilled <= (256 if name == "layer-norm-lstm" else 16)
        assert found.shared <= SHARED[capability]


@pytest.mark.parametrize("precision", list(Precision))
def test_every_precision_assembles(precision: Precision) -> None:
    plan = gpu_plan_for(cells.GRU(8, 16), precision)
    found = assembled(plan.forward.sequence, 80)
    words = {"single": "tf32", "tf32": "tf32", "bf16": "bf16", "fp16": "f16", "double": "f64"}
    assert f".f32.{words[precision.value]}." in found.assembly or f"f64.{words[precision.value]}" in found.assembly


def test_the_lstm_of_64_units_stays_in_registers() -> None:
    plan = gpu_plan_for(cells.LSTM(8, 64), Precision.BF16)
    for kernel in (plan.forward.sequence, plan.backward.sequence):
        assert assembled(kernel, 90).spilled == 0


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.SINGLE, Precision.DOUBLE])
def test_sigmoids_are_the_machines_own(precision: Precision) -> None:
    assembly = assembled(gpu_plan_for(cells.GRU(8, 16), precision).inference.sequence, 90).assembly
    short = precision is not Precision.DOUBLE
    assert ("ex2.approx.ftz.f32" in assembly) == short
    assert ("rcp.approx.ftz.f32" in assembly) == short
    assert "div.full" not in assembly


@pytest.mark.parametrize("capability", [80, 90])
def test_what_arrives_is_read_ahead(capability: int) -> None:
    plan = gpu_plan_for(cells.GRU(8, 32), Precision.BF16)
    for kernel in (plan.inference.sequence, plan.forward.sequence, plan.backward.sequence):
        # By copies to shared memory that nothing waits for before the step after.
        assert "cp.async.cg" in assembled(kernel, capability).assembly
    scan = gpu_plan_for(cells.MinGRU(8, 32), Precision.SINGLE).forward.scan
    assert scan is not None
    assert "cp.async.cg" in assembled_scan(scan, capability).assembly


@pytest.mark.parametrize("ragged", [False, True])
def test_whole_rows_assemble_too(ragged: bool) -> None:
    plan = gpu_plan_for(cells.RNN(8, 16), Precision.FP16)
    for kernel in (plan.forward.sequence, plan.backward.sequence):
        assert assembled(kernel, 90, ragged=ragged).spilled == 0


def test_matrices_in_slices_assemble() -> None:
    plan = gpu_plan_for(cells.LSTM(8, 48), Precision.BF16)
    found = assembled(plan.forward.sequence, 80, Form(16, 4, 2, 16))
    assert "bar.sync" in found.assembly
    assert found.shared < plan.program.pitches["out"] ** 2 * 8


@pytest.mark.parametrize("name", ["min-gru", "min-lstm"])
@pytest.mark.parametrize("units", [1, 100])
@pytest.mark.parametrize("capability", [80, 90])
def test_scans_assemble(name: str, units: int, capability: int) -> None:
    plan = gpu_plan_for(cells.make(name, 8, units), Precision.SINGLE)
    for strategies in (plan.inference, plan.forward, plan.backward):
        assert next(iter(strategies.names(torch.device("cpu")))) == "scan"
        assert strategies.scan is not None
        found = assembled_scan(strategies.scan, capability, ragged=units > 1)
        assert f".target sm_{capability}" in found.assembly
        # One address, at most, although there are registers left.
        assert found.spilled <= 8


@pytest.mark.parametrize("name", ["lstm", "gru-reset-before", "projected-lstm"])
def test_what_lies_between_products_assembles(name: str) -> None:
    plan = gpu_plan_for(cells.make(name, 8, 768), Precision.BF16)
    for stepwise in (plan.forward.stepwise, plan.backward.stepwise):
        for launch in stepwise.turn:
            assert assembled_launch(launch, 90).spilled == 0


@pytest.mark.slow
@pytest.mark.parametrize("precision", [Precision.BF16, Precision.SINGLE])
@pytest.mark.parametrize("units", [64, 128, 256])
@pytest.mark.parametrize("name", sorted(cells.by_name))
def test_the_likeliest_form_fits(name: str, units: int, precision: Precision) -> None:
    plan = gpu_plan_for(cells.make(name, 8, units), precision)
    for kernel in (plan.forward.sequence, plan.backward.sequence):
        for capability in (80, 90):
            assert assembled(kernel, capability).shared <= SHARED[capability]
