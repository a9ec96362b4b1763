"""Dynamic unrolling on the CPU: any cell's step, compiled into one loop over all steps."""

from __future__ import annotations

from functools import partial

import torch

from unrolled.backends.backend import Backend, Request, Served
from unrolled.cells.core import Recurrence
from unrolled.compiler.operator import constant_in_graphs, unrolled_in_graph

DTYPES = (torch.float32, torch.float64)


def _offer(request: Request) -> Served | str:
    if request.inputs.device.type != "cpu":
        return f"its machine code is for the CPU, the inputs are on {request.inputs.device}"
    dtype = request.cell.like.dtype
    if dtype not in DTYPES:
        return f"it computes in float32 and float64, not in {dtype}"
    if torch._C._are_functorch_transforms_active():
        return "torch.func transforms need the reference step"
    from unrolled.compiler.function import unrolled_by
    from unrolled.compiler.plan import MANY, plan_for
    from unrolled.compiler.target import host
    from unrolled.compiler.trace import TraceError

    # Autocast leaves float64 alone.
    autocast = torch.is_autocast_enabled("cpu") and dtype == torch.float32
    if autocast and torch.get_autocast_dtype("cpu") is not torch.bfloat16:
        return f"of autocast it follows bfloat16, not {torch.get_autocast_dtype('cpu')}"
    if autocast and torch.compiler.is_compiling():
        return "torch.compile does not take it into its graph under autocast"
    # Where products of bf16 are slower than those of fp32, fp32 serves autocast better, and is more exact.
    bf16 = autocast and host().bf16_pays
    if torch.compiler.is_compiling():
        # The number of rows may be a symbol in the graph.
        text, why = _text(request.cell, MANY if request.inputs.shape[1] >= MANY else 1)
        return why or partial(unrolled_in_graph, request, text, "double" if dtype == torch.float64 else "single")
    try:
        return partial(unrolled_by, request, plan_for(request.cell, request.inputs.shape[1], bf16=bf16))
    except TraceError as error:
        return str(error)


@constant_in_graphs
def _text(cell: Recurrence, batch: int) -> tuple[str, str]:
    """The program as text, or why there is none."""
    from unrolled.compiler.plan import plan_for
    from unrolled.compiler.text import to_text
    from unrolled.compiler.trace import TraceError

    try:
        return to_text(plan_for(cell, batch).program), ""
    except TraceError as error:
        return "", str(error)


cpu = Backend("cpu", _offer)
