"""A compiled recurrence as a differentiable function of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unrolled.backends.backend import Request
from unrolled.backends.reference import unrolled_statically
from unrolled.cells.core import Recurrence
from unrolled.cells.named import tuple_type
from unrolled.compiler.call import Call
from unrolled.compiler.plan import Plan


def unrolled_by(request: Request, plan: Plan) -> tuple[Tensor, Any]:
    """Runs a request through the compiled kernels."""
    cell, inputs = request.cell, request.inputs.to(plan.precision.dtype)
    call = Call.of(plan, inputs, request.lengths, reverse=request.reverse)
    parameters = [tensor.contiguous() for tensor in plan.tensors(cell)]
    if plan.folded:
        arriving = inputs if inputs.stride(2) == 1 else inputs.contiguous()
    else:
        # Under autocast a product is bf16; all that the kernel sees is as its states.
        arriving = cell.project_inputs(call.compact(inputs)).to(plan.precision.dtype)
    tensors = (*(value.to(plan.precision.dtype) for value in request.state), *parameters)
    if torch.is_grad_enabled():
        outputs, *state = _Unrolled.apply(cell, call, arriving, *tensors)  # type: ignore[no-untyped-call]
    else:
        outputs, _, state = call.forward(arriving, *call.named(tensors), save=False)
    return outputs, type(request.state)(*state)


class _Unrolled(torch.autograd.Function):
    """(inputs or x, states, parameters) -> (outputs, states)."""

    @staticmethod
    def forward(ctx: Any, cell: Recurrence, call: Call, arriving: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.cell, ctx.call = cell, call
        ctx.set_materialize_grads(False)
        save = any(ctx.needs_input_grad)
        outputs, saved, after = call.forward(arriving, *call.named(tensors), save=save)
        if save:
            ctx.save_for_backward(arriving, saved, *tensors)
        return outputs, *after

    @staticmethod
    def backward(ctx: Any, d_out: Tensor | None, *d_after: Tensor | None) -> tuple[Tensor | None, ...]:
        call: Call = ctx.call
        arriving, saved, *tensors = ctx.saved_tensors
        needed = ctx.needs_input_grad[2:]
        if torch.is_grad_enabled():
            return None, None, *_by_reference(ctx.cell, call, arriving, tensors, (d_out, *d_after), needed)
        states, parameters = call.named(tensors)
        d_states = {
            f"d {name}": torch.zeros_like(state) if d is None else d
            for (name, state), d in zip(states.items(), d_after, strict=True)
        }
        d_arriving, d_before, d_parameters = call.backward(
            arriving, saved, d_out, d_states, parameters, to_inputs=needed[0]
        )
        return None, None, d_arriving, *d_before, *(d_parameters[name] for name in parameters)


def _by_reference(
    cell: Recurrence,
    call: Call,
    arriving: Tensor,
    tensors: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    needed: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    """The gradients as a differentiable function, for double backward: the reference step, once more."""
    states, parameters = call.named(tensors)
    cell, rows = with_parameters(cell, parameters), call.rows
    # The valid steps only: what stands in the padding must not count.
    whole = call.spread(call.compact(arriving) if call.plan.folded else arriving)
    outputs, after = unrolled_statically(
        cell,
        cell.project_inputs(whole) if call.plan.folded else whole,
        None if rows.lengths is None or rows.back is None else rows.lengths[rows.back],
        tuple_type(call.plan.states)(*states.values()),
        reverse=call.reverse,
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
