"""One batch through one plan: where everything lies in memory, the forward pass and the backward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unrolled.compiler.executable import Precision
from unrolled.compiler.plan import CpuPlan
from unrolled.compiler.rows import Rows, ragged_rows, whole_rows
from unrolled.compiler.weights import columns, parameter_gradients
from unrolled.compiler.workspace import borrow

# Operations that take longer than to wake a thread for them.
WORTH_A_THREAD = 8e6
# Steps and rows of which a thread makes a sum of its own.
TALL = 1024


@dataclass(frozen=True, slots=True)
class Call:
    """One batch through one plan.

    Attributes:
        plan: the compiled cell.
        rows: who carries which rows.
        padded: time steps, the padding included.
        batch_major: how outputs lie in memory, as the inputs do.
        reverse: rows run from their last step to their first.
    """

    plan: CpuPlan
    rows: Rows
    padded: int
    batch_major: bool
    reverse: bool

    @classmethod
    def of(cls, plan: CpuPlan, inputs: Tensor, lengths: Tensor | None, *, reverse: bool) -> Call:
        """The call for inputs (time, batch, features)."""
        steps, batch = inputs.shape[:2]
        worth = int(2.0 * plan.weights * steps * batch / WORTH_A_THREAD)
        threads = max(1, min(torch.get_num_threads(), batch, worth))
        batch_major = is_batch_major(inputs, lengths)
        if lengths is None:
            rows = whole_rows(batch, steps, threads, batch_major=batch_major, reverse=reverse)
        else:
            rows = ragged_rows(lengths, steps, threads, reverse=reverse)
        return cls(plan, rows, steps, batch_major, reverse)

    @property
    def total(self) -> int:
        """Steps and rows of a compact stream."""
        return self.rows.total

    @property
    def lengths(self) -> Tensor | None:
        """(batch,) in the order of the caller, None if all rows are whole."""
        rows = self.rows
        return None if rows.lengths is None or rows.back is None else rows.lengths[rows.back]

    def forward(
        self, arriving: Tensor, states: dict[str, Tensor], parameters: dict[str, Tensor], *, save: bool
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """All steps.

        Args:
            arriving: the inputs (time, batch, features) if the plan is folded, else the projected ones of the valid
                steps only, (total, width).
            states, parameters: by name.
            save: whether a backward pass will follow.

        Returns:
            Outputs (time, batch, units), what the backward pass needs (total, pitch), and the states at the end.
        """
        outputs = self.empty(self.plan.program.pitches["out"], arriving.dtype)
        streams = {**self.arriving(arriving), "out": self.placed(outputs)}
        executable = self.plan.forward if save else self.plan.inference
        saved = borrow((self.rows.total, executable.program.pitches.get("saved", 0)), arriving.dtype)
        if save:
            streams["saved"] = (saved, None, 0)
        after, _ = executable.run(self.rows, states, parameters, streams)
        return outputs, saved, list(after.values())

    def backward(
        self,
        arriving: Tensor,
        saved: Tensor,
        d_out: Tensor | None,
        d_after: dict[str, Tensor],
        parameters: dict[str, Tensor],
        *,
        to_inputs: bool,
    ) -> tuple[Tensor | None, list[Tensor], dict[str, Tensor]]:
        """The gradients with respect to what arrived (None unless `to_inputs`), the states, and the parameters."""
        plan, total, dtype = self.plan, self.rows.total, saved.dtype
        pitches = plan.backward.program.pitches
        if d_out is None:
            d_out = saved.new_zeros(pitches["dout"]).expand(self.padded, len(self.rows.starts), -1)
        elif d_out.stride(2) != 1:
            d_out = d_out.contiguous()
        memory = {"saved": saved, "dy": borrow((total, pitches["dy"]), dtype)}
        if not plan.folded:
            memory["dx"] = borrow((total, pitches["dx"]), dtype)
        streams: dict[str, Any] = {name: (tensor, None, 0) for name, tensor in memory.items()}
        streams |= {**self.arriving(arriving), "dout": self.placed(d_out)}
        d_before, totals = plan.backward.run(self.rows, d_after, parameters, streams)
        d_parameters = self._parameter_gradients(parameters, memory, totals)
        d_arriving = None
        if to_inputs:
            d_arriving = self._input_gradient(parameters, memory) if plan.folded else memory["dx"]
        return d_arriving, list(d_before.values()), d_parameters

    def _parameter_gradients(
        self, parameters: dict[str, Tensor], memory: dict[str, Tensor], totals: Tensor
    ) -> dict[str, Tensor]:
        # Memory of its own for each: what accumulates gradients may keep it.
        places = self.plan.backward.layout.totals.items()
        sums = ((name, 0, totals[:, start:end].sum(0)) for name, (start, end) in places)
        return parameter_gradients(self.plan.differentiated.weights, parameters, memory, sums, self._over_steps)

    def _input_gradient(self, parameters: dict[str, Tensor], memory: dict[str, Tensor]) -> Tensor:
        parts = [part for group in self.plan.differentiated.weights for part in group if part.of_inputs]
        made = borrow((self.rows.total, self.plan.program.pitches["inputs"]), memory["dy"].dtype)
        for number, part in enumerate(parts):
            weight = parameters[part.name][part.row : part.row + part.rows]
            dy = columns(memory, part.dy, part.rows)
            if self.plan.precision is Precision.BF16:
                made = self._product(dy, weight) if number == 0 else made + self._product(dy, weight)
            else:
                torch.addmm(made, dy, weight, beta=min(number, 1), out=made)
        return self.spread(made if parts else made.zero_())

    def _over_steps(self, dy: Tensor, v: Tensor) -> Tensor:
        """The sum of dy v^T over all steps and rows."""
        threads = len(self.rows.shares)
        each = len(dy) // max(threads, 1)
        if threads < 2 or each < TALL or dy.shape[1] * v.shape[1] > each * TALL:
            return self._product(dy.t(), v)
        # The result is small beside what is summed, so each thread has a sum of its own.
        whole = each * threads
        parts = [x[:whole].view(threads, each, -1) for x in (dy, v)]
        made = self._product(parts[0].transpose(1, 2), parts[1]).sum(0)
        return made if whole == len(dy) else made + self._product(dy[whole:].t(), v[whole:])

    def _product(self, a: Tensor, b: Tensor) -> Tensor:
        if self.plan.precision is Precision.BF16:
            return (a.to(torch.bfloat16) @ b.to(torch.bfloat16)).to(a.dtype)
        return a @ b

    # Layouts

    def empty(self, width: int, dtype: torch.dtype) -> Tensor:
        """(time, batch, width) in the layout of the inputs, zero past a row's length."""
        batch = len(self.rows.starts)
        shape = (batch, self.padded, width) if self.batch_major else (self.padded, batch, width)
        made = borrow(shape, dtype)
        if self.rows.lengths is not None:
            made.zero_()
        return made.transpose(0, 1) if self.batch_major else made

    def compact(self, padded: Tensor) -> Tensor:
        """The valid steps of (time, batch, width), one after the other: (total, width)."""
        flat = (padded.transpose(0, 1) if self.batch_major else padded).reshape(-1, padded.shape[2])
        return flat if self.rows.valid is None else flat.index_select(0, self.rows.valid)

    def spread(self, compact: Tensor) -> Tensor:
        """The inverse of `compact`, zero past a row's length."""
        batch, width = len(self.rows.starts), compact.shape[1]
        if self.rows.valid is not None:
            compact = compact.new_zeros(batch * self.padded, width).index_copy(0, self.rows.valid, compact)
        if self.batch_major:
            return compact.view(batch, self.padded, width).transpose(0, 1)
        return compact.view(self.padded, batch, width)

    def whole(self, arriving: Tensor) -> Tensor:
        """What arrives as (time, batch, width), zero past a row's length."""
        return self.spread(self.compact(arriving) if self.plan.folded else arriving)

    def arriving(self, tensor: Tensor) -> dict[str, Any]:
        """What comes in at every step, as a stream."""
        return {"inputs": self.placed(tensor)} if self.plan.folded else {"x": (tensor, None, 0)}

    def placed(self, tensor: Tensor) -> tuple[Tensor, Tensor, int]:
        """A padded tensor (time, batch, width) as a stream."""
        return tensor, *self.rows.offsets(tensor.stride(1), tensor.stride(0), reverse=self.reverse)


def is_batch_major(inputs: Tensor, lengths: Tensor | None) -> bool:
    """Whether outputs for these inputs (time, batch, features) lie row after row."""
    return lengths is not None or inputs.stride(1) >= inputs.stride(0)
