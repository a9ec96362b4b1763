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
from unrolled.compiler.plan import Plan, plan_for
from unrolled.compiler.rows import Rows, ragged_rows, whole_rows
from unrolled.compiler.workspace import Workspace


def unrolled_by(request: Request) -> tuple[Tensor, Any]:
    """Runs a request through the compiled kernels."""
    cell, inputs, lengths = request.cell, request.inputs, request.lengths
    plan = plan_for(cell)
    steps, batch = inputs.shape[:2]
    threads = max(1, min(torch.get_num_threads(), batch))
    batch_major = lengths is not None or inputs.stride(1) >= inputs.stride(0)
    if lengths is None:
        rows = whole_rows(batch, steps, threads, batch_major=batch_major, reverse=request.reverse)
    else:
        rows = ragged_rows(lengths, steps, threads, reverse=request.reverse)
    call = _Call(cell, plan, rows, steps, batch_major, request.reverse)
    named = dict(cell.named_parameters()) | dict(cell.named_buffers())
    parameters = [named[name].contiguous() for name in plan.parameters]
    if plan.folded:
        arriving = inputs if inputs.stride(2) == 1 else inputs.contiguous()
    else:
        arriving = cell.project_inputs(call.compact(inputs))
    outputs, *state = _Unrolled.apply(call, arriving, *request.state, *parameters)  # type: ignore[no-untyped-call]
    return outputs, type(request.state)(*state)


@dataclass(frozen=True, slots=True)
class _Call:
    """One batch through one plan."""

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

    def empty(self, width: int, dtype: torch.dtype) -> Tensor:
        """(time, batch, width) in the layout of the inputs, zero past a row's length."""
        batch = len(self.rows.starts)
        make = torch.empty if self.rows.lengths is None else torch.zeros
        if self.batch_major:
            return make(batch, self.padded, width, dtype=dtype).transpose(0, 1)
        return make(self.padded, batch, width, dtype=dtype)

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

    def arriving(self, tensor: Tensor) -> dict[str, Any]:
        """What comes in at every step, as a stream."""
        return {"inputs": self.placed(tensor)} if self.plan.folded else {"x": (tensor, None, 0)}

    def placed(self, tensor: Tensor) -> tuple[Tensor, Tensor, int]:
        """A padded tensor (time, batch, width) as a stream."""
        return tensor, *self.rows.offsets(tensor.stride(1), tensor.stride(0), reverse=self.reverse)


class _Unrolled(torch.autograd.Function):
    """(inputs or x, states, parameters) -> (outputs, states)."""

    @staticmethod
    def forward(ctx: Any, call: _Call, arriving: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        states, parameters = call.named(tensors)
        ctx.call = call
        ctx.set_materialize_grads(False)
        outputs = call.empty(call.plan.program.pitches["out"], arriving.dtype)
        streams = {**call.arriving(arriving), "out": call.placed(outputs)}
        executable = call.plan.inference
        if any(ctx.needs_input_grad):
            executable = call.plan.forward
            ctx.saved = Workspace(call.rows.total * executable.program.pitches["saved"], arriving.dtype)
            streams["saved"] = (ctx.saved.tensor, None, 0)
            ctx.save_for_backward(arriving, *tensors)
        after, _ = executable.run(call.rows, states, parameters, streams)
        return outputs, *after.values()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        call: _Call = ctx.call
        arriving, *tensors = ctx.saved_tensors
        if torch.is_grad_enabled():
            return None, *_by_reference(call, arriving, tensors, gradients, ctx.needs_input_grad[1:])
        states, parameters = call.named(tensors)
        plan, total, dtype = call.plan, call.rows.total, arriving.dtype
        pitches = plan.backward.program.pitches
        d_out, *d_after = gradients
        if d_out is None:
            d_out = arriving.new_zeros(pitches["dout"]).expand(call.padded, len(call.rows.starts), -1)
        elif d_out.stride(2) != 1:
            d_out = d_out.contiguous()
        d_states = {
            f"d {name}": torch.zeros_like(state) if d is None else d
            for (name, state), d in zip(states.items(), d_after, strict=True)
        }
        dy = Workspace(total * pitches["dy"], dtype)
        memory = {
            "dy": dy.tensor.view(total, pitches["dy"]),
            "saved": ctx.saved.tensor.view(total, pitches["saved"]),
        }
        memory |= {"inputs": call.compact(arriving)} if plan.folded else {"dx": torch.empty_like(arriving)}
        streams: dict[str, Any] = {name: (tensor, None, 0) for name, tensor in memory.items() if name != "inputs"}
        streams |= {**call.arriving(arriving), "dout": call.placed(d_out)}
        d_before, totals = plan.backward.run(call.rows, d_states, parameters, streams)
        d_parameters = _parameter_gradients(plan, parameters, memory, totals)
        d_arriving = None
        if ctx.needs_input_grad[1]:
            d_arriving = call.spread(_input_gradient(plan, parameters, memory)) if plan.folded else memory["dx"]
        return None, d_arriving, *d_before.values(), *(d_parameters[name] for name in parameters)


def _parameter_gradients(
    plan: Plan, parameters: dict[str, Tensor], memory: dict[str, Tensor], totals: Tensor
) -> dict[str, Tensor]:
    made = {name: torch.zeros_like(value) for name, value in parameters.items()}
    for part in plan.differentiated.weights:
        dy, v = _columns(memory, part.dy, part.rows), _columns(memory, part.v, part.columns)
        made[part.name][part.row : part.row + part.rows].addmm_(dy.t(), v)
    summed = totals.sum(0)
    program = plan.backward.program
    for (name, offset), place in plan.backward.layout.totals.items():
        width = program.graph.ops[program.totals[name, offset]].width
        made[name].view(-1)[offset : offset + width] += summed[place : place + width]
    return made


def _input_gradient(plan: Plan, parameters: dict[str, Tensor], memory: dict[str, Tensor]) -> Tensor:
    made = torch.zeros_like(memory["inputs"])
    for part in plan.differentiated.weights:
        if part.v[0] == "inputs":
            made.addmm_(_columns(memory, part.dy, part.rows), parameters[part.name][part.row : part.row + part.rows])
    return made


def _columns(memory: dict[str, Tensor], place: tuple[str, int], width: int) -> Tensor:
    stream, offset = place
    return memory[stream][:, offset : offset + width]


def _by_reference(
    call: _Call, arriving: Tensor, tensors: Sequence[Tensor], gradients: Sequence[Tensor | None], needed: Sequence[bool]
) -> tuple[Tensor | None, ...]:
    """The gradients as a differentiable function, for double backward: the reference step, once more."""
    states, parameters = call.named(tensors)
    cell, rows = with_parameters(call.cell, parameters), call.rows
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
