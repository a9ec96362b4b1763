"""What the compiler makes of a cell, stage by stage, to read."""

from __future__ import annotations

from collections.abc import Callable

from unrolled.cells.core import Recurrence
from unrolled.compiler.jit import assembly
from unrolled.compiler.plan import CpuPlan, plan_for, precision_of
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


def shown(cell: Recurrence, name: str, batch: int) -> str:
    """One stage of a cell, as text.

    Args:
        cell: what to compile.
        name: one of `STAGES` or `GPU_STAGES`.
        batch: rows.

    Raises:
        ValueError: there is no such stage, or the compiler cannot take the cell; the message says why.
    """
    if name not in (*STAGES, *GPU_STAGES):
        raise ValueError(f"show: expected some of {', '.join((*STAGES, *GPU_STAGES))}, found {name!r}")
    try:
        if name in GPU_STAGES:
            return _gpu_text(cell, backward=name != "triton")
        return STAGES[name](plan_for(cell, batch))
    except TraceError as error:
        raise ValueError(f"show: the compiler cannot take {type(cell).__name__}: {error}") from error


def _gpu_text(cell: Recurrence, *, backward: bool) -> str:
    # Writing a kernel takes neither a GPU nor Triton.
    from unrolled.compiler.gpu.form import Form
    from unrolled.compiler.gpu.plan import gpu_plan_for

    plan = gpu_plan_for(cell, precision_of(cell.like.dtype))
    strategies, device = plan.backward if backward else plan.inference, cell.like.device
    name, way = next(iter(strategies.names(device).items()))
    texts = [strategies.sequence.text(way)[0]] if isinstance(way, Form) else way.texts()
    return f"# {name}\n" + "\n\n".join(texts)
