"""What the compiler makes of a cell, stage by stage, to read."""

from __future__ import annotations

from collections.abc import Callable

from unrolled.backends.backend import Request
from unrolled.backends.triton import precision_on
from unrolled.compiler.executable import Precision
from unrolled.compiler.jit import assembly
from unrolled.compiler.plan import CpuPlan, plan_for
from unrolled.compiler.schedule import schedule
from unrolled.compiler.target import host
from unrolled.compiler.trace import TraceError

STAGES: dict[str, Callable[[CpuPlan], str]] = {
    "graph": lambda plan: str(plan.program),
    "gradient": lambda plan: str(plan.differentiated.backward),
    "stages": lambda plan: str(schedule(plan.differentiated.forward)),
    "backward stages": lambda plan: str(schedule(plan.differentiated.backward)),
    "ir": lambda plan: plan.inference.ir(),
    "assembly": lambda plan: assembly(plan.inference.ir(), host()),
}
GPU_STAGES = ("triton", "triton backward")


def shown(request: Request, name: str) -> str:
    """One stage of a request's cell, as text.

    Args:
        request: the cell, and how many rows and steps there are.
        name: one of `STAGES` or `GPU_STAGES`.

    Raises:
        ValueError: there is no such stage, or the compiler cannot take the cell; the message says why.
    """
    if name not in (*STAGES, *GPU_STAGES):
        raise ValueError(f"show: expected some of {', '.join((*STAGES, *GPU_STAGES))}, found {name!r}")
    try:
        if name in GPU_STAGES:
            return _gpu_text(request, backward=name != "triton")
        return STAGES[name](plan_for(request.cell, request.inputs.shape[1]))
    except TraceError as error:
        raise ValueError(f"show: the compiler cannot take {type(request.cell).__name__}: {error}") from error


def _gpu_text(request: Request, *, backward: bool) -> str:
    # Writing a kernel takes neither a GPU nor Triton.
    from unrolled.compiler.gpu.plan import gpu_plan_for

    like, (steps, batch) = request.cell.like, request.inputs.shape[:2]
    plan = gpu_plan_for(request.cell, Precision(precision_on(like.device.type, like.dtype)))
    strategies = plan.backward if backward else plan.inference
    return strategies.text(batch, steps, like.device, ragged=request.lengths is not None)
