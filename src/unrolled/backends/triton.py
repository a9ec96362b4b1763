"""Dynamic unrolling on a GPU: any cell's step, compiled by way of Triton into one kernel over all steps."""

from __future__ import annotations

import os
from functools import partial
from importlib.util import find_spec

import torch

from unrolled.backends.backend import Backend, Request, Served
from unrolled.cells.core import Recurrence
from unrolled.compiler.operator import constant_in_graphs, unrolled_in_graph

PRECISIONS = {
    torch.float32: "single",
    torch.float64: "double",
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
}
# The first GPUs that multiply tf32 and bf16.
CAPABILITY = (8, 0)


def _offer(request: Request) -> Served | str:
    device, dtype = request.inputs.device, request.cell.like.dtype
    why = _unavailable(device.type)
    if why:
        return why.format(device)
    if dtype not in PRECISIONS:
        return f"it computes in float32, float64, bfloat16 and float16, not in {dtype}"
    if torch._C._are_functorch_transforms_active():
        return "torch.func transforms need the reference step"
    precision = precision_on(device.type, dtype)
    if device.type == "cpu" and precision == "bf16":
        return "Triton's interpreter multiplies the bits of bfloat16 (triton issue 11584)"
    if device.type == "cpu" and torch.compiler.is_compiling():
        return "torch.compile does not take interpreted kernels into its graph"
    text, why = _text(request.cell, precision)
    if why:
        return why
    if torch.compiler.is_compiling():
        return partial(unrolled_in_graph, request, text, precision)
    from unrolled.compiler.executable import Precision
    from unrolled.compiler.gpu.call import unrolled_on_gpu
    from unrolled.compiler.gpu.plan import gpu_plan_for

    return partial(unrolled_on_gpu, request, gpu_plan_for(request.cell, Precision(precision)))


@constant_in_graphs
def _unavailable(kind: str) -> str:
    """Why no kernel can run on a kind of device; empty if one can."""
    # In Triton's interpreter kernels run on the CPU, slowly, to be looked into.
    interpreted = kind == "cpu" and os.environ.get("TRITON_INTERPRET") == "1"
    if kind != "cuda" and not interpreted:
        return "its kernels are for GPUs, the inputs are on {}"
    if find_spec("triton") is None:
        return "triton is not installed"
    if kind == "cuda" and torch.version.hip is None and torch.cuda.get_device_capability() < CAPABILITY:
        return "it needs a GPU of compute capability 8.0, {} has less"
    return ""


def precision_on(kind: str, dtype: torch.dtype) -> str:
    """What a kind of device computes in now, for cells of a type."""
    # Autocast leaves float64 alone.
    if torch.is_autocast_enabled(kind) and dtype != torch.float64:
        return PRECISIONS[torch.get_autocast_dtype(kind)]
    if dtype == torch.float32 and torch.get_float32_matmul_precision() != "highest":
        return "tf32"
    return PRECISIONS[dtype]


@constant_in_graphs
def _text(cell: Recurrence, precision: str) -> tuple[str, str]:
    """The program as text, or why there is none."""
    from unrolled.compiler.executable import Precision
    from unrolled.compiler.gpu.plan import gpu_plan_for
    from unrolled.compiler.trace import TraceError

    try:
        return gpu_plan_for(cell, Precision(precision)).text, ""
    except TraceError as error:
        return "", str(error)


triton_kernels = Backend("triton", _offer)
