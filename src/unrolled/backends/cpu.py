"""Dynamic unrolling on the CPU: any cell's step, compiled into one loop over all steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unrolled.backends.backend import Backend, Request

DTYPES = (torch.float32, torch.float64)


def _refusal(request: Request) -> str | None:
    if request.inputs.device.type != "cpu":
        return f"its machine code is for the CPU, the inputs are on {request.inputs.device}"
    parameter = next(request.cell.parameters())
    if parameter.dtype not in DTYPES:
        return f"it computes in float32 and float64, not in {parameter.dtype}"
    if torch.is_autocast_enabled("cpu"):
        return "it does not follow autocast"
    if torch._C._are_functorch_transforms_active():
        return "torch.func transforms need the reference step"
    if torch.compiler.is_compiling():
        return "torch.compile does not take it into its graph"
    from unrolled.compiler.plan import plan_for
    from unrolled.compiler.trace import TraceError

    try:
        plan_for(request.cell)
    except TraceError as error:
        return str(error)
    return None


def _run(request: Request) -> tuple[Tensor, Any]:
    from unrolled.compiler.function import unrolled_by

    return unrolled_by(request)


cpu = Backend("cpu", _refusal, _run)
