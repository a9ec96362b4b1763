"""What the kernels for GPUs take of one: registers, bytes that spill from them, shared memory. No GPU is needed.

Instructions are those of a step (of a scan's 64 steps), for each warp of 32 threads; a loop over slices counts once.

Every kernel is compiled by Triton and assembled by NVIDIA's assembler, which come with Triton, for the architecture
asked for; of the kernels for whole sequences the likeliest to be fast. A whole-sequence kernel of a cell with many
values in flight, the layer-normalised LSTM's above all, takes up to a minute.

    python -m benchmarks.assembled --cells lstm gru --units 64 128 --capability 90 --precision bf16
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from unittest.mock import patch

import torch

from unrolled import cells
from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu.ahead import SHARED, Assembled, assembled, assembled_launch, assembled_scan
from unrolled.compiler.gpu.form import Form
from unrolled.compiler.gpu.plan import gpu_plan_for
from unrolled.compiler.gpu.scan import WARPS
from unrolled.compiler.gpu.strategy import Strategies


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", nargs="+", choices=sorted(cells.by_name), default=sorted(cells.by_name))
    parser.add_argument("--units", type=int, nargs="+", default=[64, 128, 768])
    parser.add_argument("--capability", type=int, choices=SHARED, default=90, help="of the GPU: 90 for sm_90")
    parser.add_argument("--precision", choices=[p.value for p in Precision], default=Precision.BF16.value)
    options = parser.parse_args()
    print("| cell, units | pass | kernel | threads | registers | spilled bytes | shared memory | instructions |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    # Whatever is in Triton's own cache was made for another purpose.
    with tempfile.TemporaryDirectory() as folder, patch.dict("os.environ", TRITON_CACHE_DIR=folder):
        for name in options.cells:
            for units in options.units:
                plan = gpu_plan_for(cells.make(name, units, units), Precision(options.precision))
                for what, strategies in (("forward", plan.forward), ("backward", plan.backward)):
                    for kernel, warps, found in kernels(strategies, options.capability):
                        takes = (
                            f"{found.registers} | {found.spilled} | {found.shared / 1024:.0f} KiB | {found.loop or ''}"
                        )
                        print(f"| {name} {units} | {what} | {kernel} | {32 * warps} | {takes} |", flush=True)
    return 0


def kernels(strategies: Strategies, capability: int) -> Iterator[tuple[str, int, Assembled]]:
    """What kernel, its warps, and what it takes: the likeliest for a whole sequence, and those of one step."""
    ways = strategies.names(torch.device("cpu"))
    if strategies.scan is not None:
        yield "scan", WARPS, assembled_scan(strategies.scan, capability)
    elif any(isinstance(way, Form) for way in ways.values()):
        form = strategies.sequence.forms(SHARED[capability])[0]
        read = f"in slices of {form.chunk}" if form.chunk else "held"
        yield f"sequence, matrices {read}", form.warps, assembled(strategies.sequence, capability, form)
    if "stepwise" in ways:
        for number, launch in enumerate(strategies.stepwise.turn, start=1):
            yield f"step, after product {number}", launch.warps, assembled_launch(launch, capability)


if __name__ == "__main__":
    sys.exit(main())
