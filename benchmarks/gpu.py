"""On a GPU: the compiled cells beside cuDNN, flashrnn, torch.compile of a loop, and the eager loop.

Runs only where there is a GPU, and says so otherwise. All contenders of a workload have the same parameters, and must
give the same outputs before anything is timed; they take turns, and each time is that of work enqueued and waited for.
The limits beside the times are those of the device: its memory's speed, found by copying, and its largest product's.

cuDNN copies bfloat16 weights into its own layout on every call, so it is timed in float16 too, and never in bfloat16
alone. Every workload is timed with an input of one feature too, which takes the input product out of the time.

Compiling takes most of the time: ours, kept on disk for the next time, and torch.compile's, which is asked for cells
that cuDNN does not have, in the first type only. With little time, take a part:

    python -m benchmarks.gpu --only "lstm(768)" --types fp16 --seconds 2
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import islice
from typing import Any, TypeVar
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

import unrolled
from unrolled import cells
from unrolled.bench.measure import medians
from unrolled.bench.workloads import Workload
from unrolled.compiler.gpu.form import Form
from unrolled.compiler.gpu.strategy import Strategies

Way = Callable[..., object]
Result = TypeVar("Result")
TYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
# Kind, batch, steps, units, whether rows are ragged
WORKLOADS = (
    ("lstm", 16, 1024, 768, False),
    ("lstm", 16, 1024, 64, False),
    ("lstm", 256, 1024, 64, False),
    ("lstm", 64, 512, 128, False),
    ("lstm", 256, 512, 256, False),
    ("gru", 64, 512, 128, False),
    ("lstm", 64, 512, 128, True),
    ("gru-reset-before", 64, 256, 128, False),
    ("peephole-lstm", 64, 256, 128, False),
    ("layer-norm-lstm", 64, 256, 128, False),
    ("own", 64, 256, 128, False),
    ("min-gru", 16, 4096, 256, False),
    ("min-lstm", 16, 4096, 256, False),
)
# Linear in their states.
SCANNED = ("min-gru", "min-lstm")
STEPPED = "ours, no scan"
TORCH = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}


def main() -> int:
    """Prints the table; the exit status is 1 where there is no GPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="TEXT", default="", help="workloads whose name has this in it")
    parser.add_argument("--types", nargs="+", choices=TYPES, default=list(TYPES))
    parser.add_argument(
        "--seconds", type=float, default=10, help="for each pass of a workload, all contenders together"
    )
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("No GPU: nothing was measured.")
        return 1
    copied, multiplied = limits()
    name = torch.cuda.get_device_name()
    print(f"{name}, torch {torch.__version__}; memory {copied / 1e12:.2f} TB/s, bf16 {multiplied / 1e12:.0f} TFLOP/s\n")
    print("| workload | type | pass | contender | ms | times ours | share of arithmetic | share of memory |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind, batch, steps, units, ragged in WORKLOADS:
        for features in (units, 1):
            for type_name in options.types:
                workload = Workload(kind, batch, steps, features, units, ragged=ragged)
                if options.only in workload.name:
                    first = type_name == options.types[0]
                    measured(workload, type_name, (copied, multiplied), options.seconds, compiling=first)
    return 0


def limits() -> tuple[float, float]:
    """Bytes a second of the memory, both ways, and operations a second of a large product of bf16."""
    large = torch.empty(1 << 28, device="cuda")
    target = torch.empty_like(large)
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    times = medians({"copy": waited(lambda: target.copy_(large)), "product": waited(lambda: a @ a)}, seconds=5)
    return 2 * large.nbytes / times["copy"], 2 * 8192**3 / times["product"]


def waited(way: Way) -> Way:
    """The way, and the waiting for it."""

    def run() -> None:
        way()
        torch.cuda.synchronize()

    return run


def measured(
    workload: Workload, type_name: str, bounds: tuple[float, float], seconds: float, *, compiling: bool
) -> None:
    """Prints the lines of one workload in one type, torch.compile among them if wanted."""
    torch.manual_seed(0)
    dtype = TYPES[type_name]
    cell = workload.module.to("cuda", dtype)
    assert isinstance(cell, cells.Cell)
    inputs = torch.randn(workload.batch, workload.steps, workload.features, device="cuda", dtype=dtype)
    drawn = torch.randint(1, workload.steps + 1, (workload.batch,), device="cuda")
    lengths = drawn if workload.ragged else None
    contenders = ways_of(workload.kind, cell, inputs, lengths, compiling=compiling)
    expected = None
    with torch.no_grad():
        for name, forward in list(contenders.items()):
            try:
                outputs = as_named(name, forward)().float()
                expected = outputs if expected is None else expected
                # Rounding of half precision adds up over the steps.
                far = float((outputs - expected).abs().mean())
                if far > (1e-4 if dtype == torch.float32 else 2e-2):
                    raise ValueError(f"its outputs are {far:.2g} from ours")
            except Exception as error:  # a contender that fails is told of, and the others go on
                why = f"{type(error).__name__}: {error}".partition("\n")[0]
                print(f"| {workload.name} | {type_name} | | {name} | {why} | | | |", flush=True)
                del contenders[name]
                continue
    if not contenders:
        return
    weights = torch.randn_like(next(iter(contenders.values()))())
    passes: dict[str, Way] = {"forward": inference, "with backward": partial(training, weights)}
    for what, way in passes.items():
        ways = {name: waited(as_named(name, partial(way, forward))) for name, forward in contenders.items()}
        times = medians(ways, seconds=seconds, most=50)
        for name, taken in times.items():
            rows = workload.batch * workload.steps if lengths is None else int(lengths.sum())
            operations = 2.0 * rows * sum(p.numel() for p in cell.parameters() if p.dim() == 2)
            operations *= 1 if what == "forward" else 3
            moved = rows * (workload.features + workload.units) * inputs.itemsize * (1 if what == "forward" else 3)
            shares = f"{operations / taken / bounds[1]:.1%} | {moved / taken / bounds[0]:.1%}"
            ratio = f"{taken / times['ours']:.2f}" if "ours" in times else ""
            line = f"{workload.name} | {type_name} | {what} | {name} | {taken * 1e3:.3f} | {ratio} | {shares}"
            print(f"| {line} |", flush=True)


def inference(forward: Callable[[], Tensor]) -> None:
    """One forward pass."""
    with torch.no_grad():
        forward()


def training(weights: Tensor, forward: Callable[[], Tensor]) -> None:
    """One forward and backward pass."""
    forward().backward(weights)


def ways_of(
    kind: str, cell: cells.Cell, inputs: Tensor, lengths: Tensor | None, *, compiling: bool
) -> dict[str, Callable[[], Tensor]]:
    """The forward pass of every contender there is."""

    def by(backend: str) -> Tensor:
        return unrolled.unroll(cell, inputs, lengths, backend=backend)[0]

    ways: dict[str, Callable[[], Tensor]] = {"ours": partial(by, "triton")}
    if kind in TORCH:
        module = TORCH[kind](cell.input_size, cell.hidden_size, batch_first=True).to(inputs)
        module.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
        ways["cuDNN"] = (lambda: module(inputs)[0]) if lengths is None else partial(packed, module, inputs, lengths)
    if kind in SCANNED:
        ways[STEPPED] = partial(by, "triton")
    if inputs.shape[1] <= 1024:
        ways["eager loop"] = partial(by, "reference")
    if compiling and kind not in TORCH and inputs.shape[1] <= 256:
        ways["torch.compile"] = torch.compile(partial(by, "reference"))
    if kind == "lstm" and lengths is None and inputs.dtype != torch.float32 and find_spec("flashrnn"):
        for backend in ("cuda_fused", "cuda", "triton_fused"):
            ways[f"flashrnn {backend}"] = partial(flashrnn, cell, inputs, backend)
    return ways


def as_named(name: str, way: Callable[[], Result]) -> Callable[[], Result]:
    """The way; with the whole-sequence kernel where a parallel scan could be, if its name says so."""
    names = Strategies.names

    def first_form(self: Strategies, device: torch.device) -> dict[str, Any]:
        return dict(islice(((name, form) for name, form in names(self, device).items() if isinstance(form, Form)), 1))

    def run() -> Result:
        with patch.object(Strategies, "names", first_form):
            return way()

    return run if name == STEPPED else way


def packed(module: torch.nn.Module, inputs: Tensor, lengths: Tensor) -> Tensor:
    """CuDNN on a packed sequence, packing and unpacking included."""
    sequence = pack_padded_sequence(inputs, lengths.cpu(), batch_first=True, enforce_sorted=False)
    outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(module(sequence)[0], True, total_length=inputs.shape[1])
    return outputs


def flashrnn(cell: cells.Cell, inputs: Tensor, backend: str) -> Tensor:
    """Flashrnn's LSTM of one head, the input product included.

    It takes W x (batch, time, gates, heads, units), R (gates, heads, units, units), b (gates, heads, units).
    """
    from flashrnn import flashrnn as run

    units = cell.hidden_size
    wx = cell.project_inputs(inputs).view(*inputs.shape[:2], 4, 1, units)
    r = cell.weight_hh.view(4, 1, units, units).transpose(-1, -2).contiguous()
    h, _ = run(wx, r, cell.bias_hh.view(4, 1, units), function="lstm", backend=backend, dtype=str(inputs.dtype)[6:])
    return h[0].reshape(*inputs.shape[:2], units)


if __name__ == "__main__":
    began = time.time()
    status = main()
    print(f"{time.time() - began:.0f} s", file=sys.stderr)
    sys.exit(status)
