"""One batch through one plan on a GPU: where everything lies in memory, the forward pass and the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from unrolled.backends.backend import Request, cleaned
from unrolled.compiler.call import is_batch_major
from unrolled.compiler.function import differentiable
from unrolled.compiler.gpu.plan import GpuPlan
from unrolled.compiler.gpu.precision import product
from unrolled.compiler.weights import parameter_gradients


def unrolled_on_gpu(request: Request, plan: GpuPlan) -> tuple[Tensor, object]:
    """Runs a request through Triton's kernels."""
    call = GpuCall.of(plan, request.inputs, request.lengths, reverse=request.reverse)
    # The projection computes on the padding too. What the kernel sees is as its states, also under autocast.
    arriving = request.cell.project_inputs(request.cleaned().inputs).to(plan.precision.dtype)
    outputs, after = differentiable(request.cell, call, arriving, request.state)
    return outputs, type(request.state)(*after)


@dataclass(frozen=True, slots=True)
class GpuCall:
    """One batch through one plan.

    Every stream has room for all steps of all rows, since only the device knows the lengths. Where rows are ragged it
    starts from zeros, and padding counts for nothing in the sums after the loop.

    Attributes:
        plan: the kernels.
        lengths: (batch,) int64, None if every row is whole.
        steps: time steps, the padding included.
        batch: rows.
        batch_major: how everything lies in memory, as the inputs do.
        reverse: rows run from their last step to their first.
    """

    plan: GpuPlan
    lengths: Tensor | None
    steps: int
    batch: int
    batch_major: bool
    reverse: bool

    @classmethod
    def of(cls, plan: GpuPlan, inputs: Tensor, lengths: Tensor | None, *, reverse: bool) -> GpuCall:
        """The call for inputs (time, batch, features)."""
        steps, batch = inputs.shape[:2]
        return cls(plan, lengths, steps, batch, is_batch_major(inputs, lengths), reverse)

    def forward(
        self, arriving: Tensor, states: dict[str, Tensor], parameters: dict[str, Tensor], *, save: bool
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """All steps.

        Args:
            arriving: the projected inputs (time, batch, width).
            states, parameters: by name.
            save: whether a backward pass will follow.

        Returns:
            Outputs (time, batch, units), what the backward pass needs (steps and rows, pitch), and the states at the
            end.
        """
        kernel = self.plan.forward if save else self.plan.inference
        like = next(iter(states.values()))
        outputs = self.empty(kernel.program.pitches["out"], like)
        saved = self.empty(kernel.program.pitches.get("saved", 0), arriving)
        streams = {"x": self.readable(arriving), "out": outputs, "saved": saved}
        after = kernel.run(self.batch, self.steps, self.lengths, states, parameters, streams, reverse=self.reverse)
        return outputs, self.flat(saved), list(after.values())

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
        """The gradients with respect to what arrived, the states, and the parameters."""
        kernel = self.plan.backward
        pitches = kernel.program.pitches
        if d_out is None:
            d_out = saved.new_zeros(pitches["dout"]).expand(self.steps, self.batch, -1)
        own = {name: self.empty(pitches[name], saved) for name in ("dx", "dy", "terms")}
        streams = {"x": self.readable(arriving), "dout": self.readable(d_out), "saved": self.unflat(saved), **own}
        d_before = kernel.run(self.batch, self.steps, self.lengths, d_after, parameters, streams, reverse=self.reverse)
        memory = {"saved": saved, **{name: self.flat(stream) for name, stream in own.items()}}
        weights = self.plan.differentiated.weights
        d_parameters = parameter_gradients(weights, parameters, memory, self._totals(memory), self._over_steps)
        typed = {name: d.to(parameters[name].dtype) for name, d in d_parameters.items()}
        return own["dx"], list(d_before.values()), typed

    def _totals(self, memory: dict[str, Tensor]) -> Iterator[tuple[str, int, Tensor]]:
        for part in self.plan.sums:
            yield part.name, part.offset, memory[part.stream][:, part.first : part.first + part.width].sum(0)

    def _over_steps(self, dy: Tensor, v: Tensor) -> Tensor:
        """The sum of dy v^T over all steps and rows."""
        return product(dy.t(), v, self.plan.backward.numbers)

    # Layouts

    @property
    def total(self) -> int:
        """Steps and rows of a stream."""
        return self.steps * self.batch

    def compact(self, arriving: Tensor) -> Tensor:
        """What the kernel takes of (time, batch, width): all of it."""
        return arriving

    def spread(self, arriving: Tensor) -> Tensor:
        """The inverse of `compact`."""
        return arriving

    def empty(self, width: int, like: Tensor) -> Tensor:
        """(time, batch, width) in the layout of the inputs; zeros if rows are ragged."""
        shape = (self.batch, self.steps, width) if self.batch_major else (self.steps, self.batch, width)
        made = like.new_empty(shape) if self.lengths is None else like.new_zeros(shape)
        return made.transpose(0, 1) if self.batch_major else made

    def flat(self, stream: Tensor) -> Tensor:
        """(steps and rows, width) of what `empty` made."""
        return (stream.transpose(0, 1) if self.batch_major else stream).flatten(0, 1)

    def unflat(self, stream: Tensor) -> Tensor:
        """The inverse of `flat`."""
        width = stream.shape[1]
        if self.batch_major:
            return stream.view(self.batch, self.steps, width).transpose(0, 1)
        return stream.view(self.steps, self.batch, width)

    @staticmethod
    def readable(stream: Tensor) -> Tensor:
        """The same, with units side by side."""
        return stream if stream.stride(2) == 1 or stream.shape[2] == 1 else stream.contiguous()

    def whole(self, arriving: Tensor) -> Tensor:
        """What arrives, zero past a row's length."""
        return arriving if self.lengths is None else cleaned(arriving, self.lengths)
