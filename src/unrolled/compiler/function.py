"""A compiled recurrence as a differentiable function of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unrolled.backends.backend import Request
from unrolled.backends.reference import unrolled_statically
from unrolled.cells.core import Recurrence
from unrolled.cells.named import tuple_type
from unrolled.compiler.gradient import WeightGradient
from unrolled.compiler.plan import Plan, plan_for
from unrolled.compiler.rows import Rows, ragged_rows, whole_rows
from unrolled.compiler.workspace import Workspace


def unrolled_by(request: Request) -> tuple[Tensor, Any]:
    """Runs a request through the compiled kernels."""
    cell, inputs, lengths = request.cell, request.inputs, request.lengths
    plan = plan_for(cell)
    steps, batch = inputs.shape[:2]
    threads = max(1, min(torch.get_num_threads(), batch))
    by_row = inputs.transpose(0, 1)
    batch_major = lengths is not None or by_row.is_contiguous()
    flat = (by_row if batch_major else inputs).reshape(steps * batch, inputs.shape[2])
    if lengths is None:
        rows = whole_rows(batch, steps, threads, batch_major=batch_major, reverse=request.reverse)
    else:
        rows = ragged_rows(lengths, steps, threads, reverse=request.reverse)
        assert rows.valid is not None
        flat = flat.index_select(0, rows.valid)
    call = _Call(cell, plan, rows, steps, batch_major, request.reverse)
    named = dict(cell.named_parameters()) | dict(cell.named_buffers())
    parameters = [named[name].contiguous() for name in plan.parameters]
    x = cell.project_inputs(flat)
    outputs, *state = _Unrolled.apply(call, x, *request.state, *parameters)  # type: ignore[no-untyped-call]
    return outputs, type(request.state)(*state)


@dataclass(frozen=True, slots=True)
class _Call:
    cell: Recurrence
    plan: Plan
    rows: Rows
    padded: int
    batch_major: bool
    reverse: bool

    def named(self, tensors: Sequence[Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """States and parameters by name."""
        count = len(self.plan.states)
        states = dict(zip(self.plan.states, tensors[:count], strict=True))
        return states, dict(zip(self.plan.parameters, tensors[count:], strict=True))

    def outputs(self, width: int, dtype: torch.dtype) -> Tensor:
        """(time, batch, width) in the layout of the inputs, zero past a row's length."""
        batch = len(self.rows.starts)
        make = torch.empty if self.rows.lengths is None else torch.zeros
        if self.batch_major:
            return make(batch, self.padded, width, dtype=dtype).transpose(0, 1)
        return make(self.padded, batch, width, dtype=dtype)

    def placed(self, tensor: Tensor) -> tuple[Tensor, Tensor, int]:
        """A padded tensor (time, batch, width) as a stream."""
        return tensor, *self.rows.offsets(tensor.stride(1), tensor.stride(0), reverse=self.reverse)


class _Unrolled(torch.autograd.Function):
    """(x, states, parameters) -> (outputs, states)."""

    @staticmethod
    def forward(ctx: Any, call: _Call, x: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        states, parameters = call.named(tensors)
        x = x.contiguous()
        ctx.call = call
        ctx.set_materialize_grads(False)
        outputs = call.outputs(call.plan.program.pitches["out"], x.dtype)
        streams: dict[str, Any] = {"x": (x, None, 0), "out": call.placed(outputs)}
        executable = call.plan.inference
        if any(ctx.needs_input_grad):
            executable = call.plan.forward
            ctx.saved = Workspace(call.rows.total * executable.program.pitches["saved"], x.dtype)
            streams["saved"] = (ctx.saved.tensor, None, 0)
            ctx.save_for_backward(x, *tensors)
        after, _ = executable.run(call.rows, states, parameters, streams)
        return outputs, *after.values()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        call: _Call = ctx.call
        x, *tensors = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *_by_reference(call, x, tensors, gradients, ctx.needs_input_grad[1:])
        states, parameters = call.named(tensors)
        plan, total = call.plan, call.rows.total
        pitches = plan.backward.program.pitches
        d_out, *d_after = gradients
        if d_out is None:
            d_out = x.new_zeros(pitches["out" if "out" in pitches else "dout"]).expand(
                call.padded, len(call.rows.starts), -1
            )
        if d_out.stride(-1) != 1:
            d_out = d_out.contiguous()
        d_states = {
            f"d {name}": torch.zeros_like(state) if d is None else d
            for (name, state), d in zip(states.items(), d_after, strict=True)
        }
        dx = x.new_empty(total, pitches["dx"])
        dy = Workspace(total * pitches["dy"], x.dtype)
        streams: dict[str, Any] = {
            "x": (x, None, 0),
            "saved": (ctx.saved.tensor, None, 0),
            "dx": (dx, None, 0),
            "dy": (dy.tensor, None, 0),
            "dout": call.placed(d_out),
        }
        d_before, totals = plan.backward.run(call.rows, d_states, parameters, streams)
        memory = {
            "dx": dx,
            "dy": dy.tensor.view(total, pitches["dy"]),
            "saved": ctx.saved.tensor.view(total, pitches["saved"]),
        }
        d_parameters = _parameter_gradients(plan, parameters, memory, totals)
        return None, dx, *d_before.values(), *(d_parameters[name] for name in parameters)


def _parameter_gradients(
    plan: Plan, parameters: dict[str, Tensor], memory: dict[str, Tensor], totals: Tensor
) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}

    def target(name: str) -> Tensor:
        if name not in made:
            made[name] = torch.zeros_like(parameters[name])
        return made[name]

    for part in plan.differentiated.weights:
        dy, v = _columns(memory, part)
        target(part.name)[part.row : part.row + part.rows].addmm_(dy.t(), v)
    summed = totals.sum(0)
    layout = plan.backward.layout
    for (name, offset), place in layout.totals.items():
        width = plan.backward.program.graph.ops[plan.backward.program.totals[name, offset]].width
        target(name).view(-1)[offset : offset + width] += summed[place : place + width]
    return {name: target(name) for name in parameters}


def _columns(memory: dict[str, Tensor], part: WeightGradient) -> tuple[Tensor, Tensor]:
    (dy_stream, dy_offset), (v_stream, v_offset) = part.dy, part.v
    dy = memory[dy_stream][:, dy_offset : dy_offset + part.rows]
    return dy, memory[v_stream][:, v_offset : v_offset + part.columns]


def _by_reference(
    call: _Call, x: Tensor, tensors: Sequence[Tensor], gradients: Sequence[Tensor | None], needed: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """The gradients as a differentiable function, for double backward: the reference step, once more."""
    states, parameters = call.named(tensors)
    rows, batch = call.rows, len(call.rows.starts)
    whole = x
    if rows.valid is not None:
        whole = x.new_zeros(batch * call.padded, x.shape[1]).index_copy(0, rows.valid, x)
    shape = (batch, call.padded) if call.batch_major else (call.padded, batch)
    projected = whole.view(*shape, -1)
    lengths = None if rows.lengths is None or rows.back is None else rows.lengths[rows.back]
    outputs, after = unrolled_statically(
        with_parameters(call.cell, parameters),
        projected.transpose(0, 1) if call.batch_major else projected,
        lengths,
        tuple_type(call.plan.states)(*states.values()),
        reverse=call.reverse,
    )
    given = [(value, d) for value, d in zip((outputs, *after), gradients, strict=True) if d is not None]
    sources = [tensor for tensor, need in zip((x, *tensors), needed, strict=True) if need]
    found = iter(
        torch.autograd.grad(
            [value for value, _ in given], sources, [d for _, d in given], create_graph=True, allow_unused=True
        )
    )
    return tuple(next(found) if need else None for need in needed)


def with_parameters(module: Any, tensors: dict[str, Tensor], prefix: str = "") -> Any:
    """A shallow copy of a module that has these tensors for parameters."""
    made = object.__new__(type(module))
    made.__dict__.update(module.__dict__)
    own = {name: tensors.get(prefix + name, value) for name, value in module._parameters.items()}
    children = {name: with_parameters(child, tensors, f"{prefix}{name}.") for name, child in module._modules.items()}
    made.__dict__.update(_parameters=own, _modules=children)
    return made
