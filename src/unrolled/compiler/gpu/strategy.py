"""One program on a GPU by the fastest strategy: forms of a whole-sequence kernel, step by step, or by a scan."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu.choose import fastest, measured, size_class, timed
from unrolled.compiler.gpu.form import Form, worth_trying
from unrolled.compiler.gpu.graphed import Graphed
from unrolled.compiler.gpu.kernel import Kernel, shared_memory
from unrolled.compiler.gpu.module import compile_together
from unrolled.compiler.gpu.scan import Scan
from unrolled.compiler.gpu.stepwise import Stepwise
from unrolled.compiler.gpu.tiles import padded
from unrolled.compiler.graph import Program
from unrolled.compiler.linear import linear
from unrolled.compiler.text import to_text

# Units of the widest tile that a program's registers hold beside the others.
WIDEST = 512


class Strategies:
    """One program for one precision, and its ways to run.

    Args:
        program: a step, or a backward step; without totals.
        precision: of the numbers, and of the factors in products.
        ascending: steps run from first to last.
    """

    def __init__(self, program: Program, precision: Precision, *, ascending: bool) -> None:
        self.program = program
        self.sequence = Kernel(program, precision, ascending=ascending)
        self.stepwise = Stepwise(program, precision, ascending=ascending)
        self.graphed = Graphed(self.stepwise)
        found = linear(program)
        self.scan = None if found is None else Scan(found, precision, ascending=ascending)
        self.numbers = self.sequence.numbers
        self._work = f"{to_text(program)} {precision.value} {'up' if ascending else 'down'}"
        self._wide = max(padded(op.width) for op in program.graph.ops) > WIDEST
        self._products = any(op.kind == "product" for op in program.graph.ops)

    def names(self, device: torch.device) -> dict[str, Form | Stepwise | Graphed | Scan]:
        """The ways that a device has room for, the likeliest first; a form is of the whole-sequence kernel."""
        ways: dict[str, Form | Stepwise | Graphed | Scan] = {}
        if self.scan is not None:
            ways["scan"] = self.scan
        if not self._wide:
            ways |= {str(form): form for form in worth_trying(self.sequence.forms(shared_memory(device)))}
        if self._products or not ways:
            ways["stepwise"] = self.stepwise
            if device.type == "cuda":
                ways["stepwise, as a graph"] = self.graphed
        return ways

    def text(self, batch: int, steps: int, device: torch.device, *, ragged: bool) -> str:
        """The kernels that would run, and why these."""
        ways = self.names(device)
        found = measured(self._work_of(batch, steps, ragged=ragged), ways, device)
        name = next(iter(ways)) if found is None else found
        why = "the likeliest, not measured yet" if found is None else "the fastest, as measured"
        way = ways[name]
        texts = [self.sequence.text(way)[0]] if isinstance(way, Form) else way.texts()
        others = "".join(f"\n# {other}: another way" for other in ways if other != name)
        return f"# {name}: {why}{others}\n" + "\n\n".join(texts)

    def _work_of(self, batch: int, steps: int, *, ragged: bool) -> str:
        return f"{self._work} {size_class(batch)} {size_class(steps)} {ragged}"

    def run(
        self,
        batch: int,
        steps: int,
        lengths: Tensor | None,
        states: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        streams: Mapping[str, Tensor],
        *,
        reverse: bool,
    ) -> dict[str, Tensor]:
        """Runs all steps of all rows, on the current stream, and waits for nothing once the fastest way is known.

        Args:
            batch, steps: rows, and time steps, the padding included.
            lengths: (batch,) int64, or None if every row is whole.
            states: (batch, units) each, before the first step in the order of computation.
            parameters: by name, contiguous.
            streams: by name (time, batch, width) each, its units side by side.
            reverse: rows run from their last step to their first.

        Returns:
            The states after each row's last step.
        """
        values: tuple[Any, ...] = (batch, steps, lengths, states, parameters, streams)

        def run(way: Form | Stepwise | Graphed | Scan) -> dict[str, Tensor]:
            if isinstance(way, Form):
                return self.sequence.run(*values, reverse=reverse, form=way)
            return way.run(*values, reverse=reverse)

        like = next(iter(states.values()))
        ways = self.names(like.device)

        def times() -> dict[str, float]:
            # A graph has memory of its own, which must not outlast its trial where another way is faster.
            trials = {
                name: partial(run, Graphed(self.stepwise) if way is self.graphed else way) for name, way in ways.items()
            }
            compile_together(trials.values())
            return timed(trials, like.device)

        work = self._work_of(batch, steps, ragged=lengths is not None)
        # Triton launches on the current device, which need not be the tensors'.
        with torch.cuda.device_of(like):  # type: ignore[no-untyped-call]
            return run(ways[fastest(work, ways, like.device, times)])
