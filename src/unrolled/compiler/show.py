"""What the compiler makes of a cell, stage by stage, to read."""

from __future__ import annotations

from collections.abc import Callable

from unrolled.cells.core import Recurrence
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


def shown(cell: Recurrence, name: str, batch: int) -> str:
    """One stage of a cell, as text.

    Args:
        cell: what to compile.
        name: one of `STAGES`.
        batch: rows.

    Raises:
        ValueError: there is no such stage, or the compiler cannot take the cell; the message says why.
    """
    if name not in STAGES:
        raise ValueError(f"show: expected some of {', '.join(STAGES)}, found {name!r}")
    try:
        return STAGES[name](plan_for(cell, batch))
    except TraceError as error:
        raise ValueError(f"show: the compiler cannot take {type(cell).__name__}: {error}") from error
