"""A compiled recurrence as a differentiable function of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from unrolled.backends.backend import Request
from unrolled.backends.reference import unrolled_statically
from unrolled.cells.core import Recurrence
from unrolled.cells.named import tuple_type
from unrolled.compiler.call import Call
from unrolled.compiler.plan import CpuPlan, Plan


class Batch(Protocol):
    """One batch through the kernels of one back end."""

    @property
    def plan(self) -> Plan:
        """The program."""

    @property
    def lengths(self) -> Tensor | None:
        """(batch,), None if every row is whole."""

    @property
    def reverse(self) -> bool:
        """Whether rows run from their last step to their first."""

    @property
    def total(self) -> int:
        """Steps and rows that what is saved has room for."""

    def forward(
        self, arriving: Tensor, states: dict[str, Tensor], parameters: dict[str, Tensor], *, save: bool
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Outputs (time, batch, units), what the backward pass needs if it must be saved, and the last states."""

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
        """The gradients of what arrived (None unless `to_inputs`), the states, and the parameters."""

    def compact(self, padded: Tensor) -> Tensor:
        """What the kernels take of projected inputs (time, batch, width)."""

    def spread(self, compact: Tensor) -> Tensor:
        """The inverse of `compact`, zero past a row's length."""

    def whole(self, arriving: Tensor) -> Tensor:
        """What arrives as (time, batch, width), zero past a row's length."""


def unrolled_by(request: Request, plan: CpuPlan) -> tuple[Tensor, Any]:
    """Runs a request through the kernels for this CPU."""
    cell, inputs, dtype = request.cell, request.inputs.to(plan.precision.dtype), plan.precision.dtype
    call = Call.of(plan, inputs, request.lengths, reverse=request.reverse)
    if plan.folded:
        arriving = inputs if inputs.stride(2) == 1 else inputs.contiguous()
    else:
        # Under autocast a product is bf16; all that the kernel sees is as its states.
        arriving = cell.project_inputs(call.compact(inputs)).to(dtype)
    outputs, after = differentiable(cell, call, arriving, [value.to(dtype) for value in request.state])
    return outputs, type(request.state)(*after)


def differentiable(
    cell: Recurrence, batch: Batch, arriving: Tensor, states: Sequence[Tensor]
) -> tuple[Tensor, Sequence[Tensor]]:
    """Outputs and last states as functions of what arrives, the states before, and the cell's parameters."""
    tensors = (*states, *(tensor.contiguous() for tensor in batch.plan.tensors(cell)))
    if torch.is_grad_enabled():
        outputs, *after = _Unrolled.apply(cell, batch, arriving, *tensors)  # type: ignore[no-untyped-call]
    else:
        outputs, _, after = batch.forward(arriving, *batch.plan.named(tensors), save=False)
    return outputs, after


class _Unrolled(torch.autograd.Function):
    """(inputs or x, states, parameters) -> (outputs, states)."""

    @staticmethod
    def forward(ctx: Any, cell: Recurrence, batch: Batch, arriving: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.cell, ctx.batch = cell, batch
        ctx.set_materialize_grads(False)
        save = any(ctx.needs_input_grad)
        outputs, saved, after = batch.forward(arriving, *batch.plan.named(tensors), save=save)
        if save:
            ctx.save_for_backward(arriving, saved, *tensors)
        return outputs, *after

    @staticmethod
    def backward(ctx: Any, d_out: Tensor | None, *d_after: Tensor | None) -> tuple[Tensor | None, ...]:
        batch: Batch = ctx.batch
        arriving, saved, *tensors = ctx.saved_tensors
        needed = ctx.needs_input_grad[2:]
        if torch.is_grad_enabled():
            return None, None, *_by_reference(ctx.cell, batch, arriving, tensors, (d_out, *d_after), needed)
        states, parameters = batch.plan.named(tensors)
        d_states = {
            f"d {name}": torch.zeros_like(state) if d is None else d
            for (name, state), d in zip(states.items(), d_after, strict=True)
        }
        d_arriving, d_before, d_parameters = batch.backward(
            arriving, saved, d_out, d_states, parameters, to_inputs=needed[0]
        )
        return None, None, d_arriving, *d_before, *(d_parameters[name] for name in parameters)


def _by_reference(
    cell: Recurrence,
    batch: Batch,
    arriving: Tensor,
    tensors: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    needed: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    """The gradients as a differentiable function, for double backward: the reference step, once more."""
    plan = batch.plan
    states, parameters = plan.named(tensors)
    cell = with_parameters(cell, parameters)
    # The valid steps only: what stands in the padding must not count.
    whole = batch.whole(arriving)
    outputs, after = unrolled_statically(
        cell,
        cell.project_inputs(whole) if plan.folded else whole,
        batch.lengths,
        tuple_type(plan.states)(*states.values()),
        reverse=batch.reverse,
    )
    given = [(value, d) for value, d in zip((outputs, *after), gradients, strict=True) if d is not None]
    sources = [tensor for tensor, need in zip((arriving, *tensors), needed, strict=True) if need]
    values, weights = zip(*given, strict=True)
    found = iter(torch.autograd.grad(values, sources, weights, create_graph=True, allow_unused=True))
    return tuple(next(found) if need else None for need in needed)


def with_parameters(module: Any, tensors: dict[str, Tensor], prefix: str = "") -> Any:
    """A shallow copy of a module that has these tensors for parameters."""
    made = object.__new__(type(module))
    made.__dict__.update(module.__dict__)
    own = {name: tensors.get(prefix + name, value) for name, value in module._parameters.items()}
    children = {name: with_parameters(child, tensors, f"{prefix}{name}.") for name, child in module._modules.items()}
    made.__dict__.update(_parameters=own, _modules=children)
    return made
