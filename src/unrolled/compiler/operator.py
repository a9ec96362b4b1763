"""The compiled recurrence as one operator, which torch.compile and torch.export take into their graphs as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])

if TYPE_CHECKING:
    from unrolled.backends.backend import Request
    from unrolled.compiler.function import Batch


def constant_in_graphs(function: Function) -> Function:
    """Has torch.compile call the function while it makes a graph, and take the result as a constant.

    This is torch.compiler.assume_constant_result, without the second that importing torch's compiler takes.
    """
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function


def unrolled_in_graph(request: Request, program: str, precision: str) -> tuple[Tensor, Any]:
    """A request as one node of a graph; `program` is the cell's step as text, `precision` what it is computed in."""
    cell, inputs = request.cell, request.inputs
    folded, names, width = _facts(program, precision, inputs.device.type)
    parameters = [attrgetter(name)(cell) for name in names]
    arriving = inputs if folded else cell.project_inputs(request.cleaned().inputs)
    arriving = arriving.to(torch.float64 if precision == "double" else torch.float32)
    state = list(request.state)
    save = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (arriving, *state, *parameters))
    outputs, _, *after = torch.ops.unrolled.unroll(
        program, precision, arriving, request.lengths, state, parameters, request.reverse, width, save
    )
    return outputs, type(request.state)(*after)


@constant_in_graphs
def _facts(program: str, precision: str, device: str) -> tuple[bool, tuple[str, ...], int]:
    plan = _plan(program, precision, device)
    return plan.folded, plan.parameters, plan.differentiated.forward.pitches["saved"]


def _plan(program: str, precision: str, device: str) -> Any:
    from unrolled.compiler.executable import Precision
    from unrolled.compiler.plan import plan_of

    if device == "cpu":
        return plan_of(program, Precision(precision))
    from unrolled.compiler.gpu.plan import gpu_plan_of

    return gpu_plan_of(program, Precision(precision))


@torch.library.custom_op("unrolled::unroll", mutates_args=(), tags=(torch.Tag.needs_exact_strides,))
def _forward(
    program: str,
    precision: str,
    arriving: Tensor,
    lengths: Tensor | None,
    states: Sequence[Tensor],
    parameters: Sequence[Tensor],
    reverse: bool,
    pitch: int,
    save: bool,
) -> list[Tensor]:
    """[outputs (time, batch, units), what the backward pass needs (time * batch, pitch), *states]."""
    call, arriving, own = _call(program, precision, arriving, lengths, reverse=reverse, parameters=parameters)
    named = dict(zip(call.plan.states, states, strict=True))
    outputs, saved, after = call.forward(arriving, named, own, save=save)
    steps, batch = outputs.shape[:2]
    rows = _saved_rows(steps, batch, save)
    if save and saved.shape[0] != rows:
        # In a graph nothing may have a size that depends on the lengths' values.
        whole = saved.new_empty(rows, saved.shape[1])
        whole[: saved.shape[0]] = saved
        saved = whole
    return [outputs, saved if save else saved.new_empty(0, pitch), *after]


@_forward.register_fake
def _(
    program: str,
    precision: str,
    arriving: Tensor,
    lengths: Tensor | None,
    states: Sequence[Tensor],
    parameters: Sequence[Tensor],
    reverse: bool,
    pitch: int,
    save: bool,
) -> list[Tensor]:
    steps, batch = arriving.shape[:2]
    saved = arriving.new_empty(_saved_rows(steps, batch, save), pitch)
    outputs = _blank(arriving, lengths, states[0].shape[1], states[0].dtype)
    return [outputs, saved, *(torch.empty_like(state, memory_format=torch.contiguous_format) for state in states)]


@torch.library.custom_op("unrolled::unroll_backward", mutates_args=(), tags=(torch.Tag.needs_exact_strides,))
def _backward(
    program: str,
    precision: str,
    arriving: Tensor,
    lengths: Tensor | None,
    saved: Tensor,
    d_out: Tensor,
    d_states: Sequence[Tensor],
    parameters: Sequence[Tensor],
    reverse: bool,
) -> list[Tensor]:
    """[gradients of what arrives (time, batch, features), *of states, *of parameters]."""
    call, compact, own = _call(program, precision, arriving, lengths, reverse=reverse, parameters=parameters)
    named = {f"d {name}": d for name, d in zip(call.plan.states, d_states, strict=True)}
    saved = saved[: call.total]
    d_arriving, d_before, d_parameters = call.backward(compact, saved, d_out, named, own, to_inputs=True)
    assert d_arriving is not None
    if not call.plan.folded:
        d_arriving = call.spread(d_arriving)
    return [d_arriving, *d_before, *(d_parameters[name].contiguous() for name in own)]


@_backward.register_fake
def _(
    program: str,
    precision: str,
    arriving: Tensor,
    lengths: Tensor | None,
    saved: Tensor,
    d_out: Tensor,
    d_states: Sequence[Tensor],
    parameters: Sequence[Tensor],
    reverse: bool,
) -> list[Tensor]:
    blanks = [torch.empty_like(d, memory_format=torch.contiguous_format) for d in (*d_states, *parameters)]
    return [_blank(arriving, lengths, arriving.shape[2], arriving.dtype), *blanks]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    program, precision, arriving, lengths, states, parameters, reverse, _, _ = inputs
    ctx.program, ctx.precision, ctx.reverse, ctx.lengths, ctx.count = (
        program,
        precision,
        reverse,
        lengths is not None,
        len(states),
    )
    ctx.save_for_backward(arriving, output[1], *([] if lengths is None else [lengths]), *parameters)


def _gradients(ctx: Any, gradients: list[Tensor]) -> tuple[Any, ...]:
    arriving, saved, *rest = ctx.saved_tensors
    lengths = rest.pop(0) if ctx.lengths else None
    d_out, _, *d_states = gradients
    d_arriving, *others = torch.ops.unrolled.unroll_backward(
        ctx.program, ctx.precision, arriving, lengths, saved, d_out, d_states, rest, ctx.reverse
    )
    return None, None, d_arriving, None, others[: ctx.count], others[ctx.count :], None, None, None


_forward.register_autograd(_gradients, setup_context=_setup)


def _call(
    program: str,
    precision: str,
    arriving: Tensor,
    lengths: Tensor | None,
    *,
    reverse: bool,
    parameters: Sequence[Tensor],
) -> tuple[Batch, Tensor, dict[str, Tensor]]:
    plan = _plan(program, precision, arriving.device.type)
    own = {name: value.contiguous() for name, value in zip(plan.parameters, parameters, strict=True)}
    if arriving.device.type != "cpu":
        from unrolled.compiler.gpu.call import GpuCall

        return GpuCall.of(plan, arriving, lengths, reverse=reverse), arriving, own
    from unrolled.compiler.call import Call

    steps = arriving.shape[0]
    # Nobody could check the values while the graph was made, and the kernel goes where they say.
    if lengths is not None and len(lengths) and not 0 <= int(lengths.min()) <= int(lengths.max()) <= steps:
        low, high = int(lengths.min()), int(lengths.max())
        raise ValueError(f"lengths: expected values from 0 to {steps}, the time steps, found {low} to {high}")
    call = Call.of(plan, arriving, lengths, reverse=reverse)
    if not plan.folded:
        return call, call.compact(arriving), own
    return call, arriving if arriving.stride(2) == 1 else arriving.contiguous(), own


def _saved_rows(steps: int, batch: int, save: bool) -> int:
    return steps * batch if save else 0


def _blank(like: Tensor, lengths: Tensor | None, width: int, dtype: torch.dtype) -> Tensor:
    """As `Call.empty` lays outputs out."""
    from unrolled.compiler.call import is_batch_major

    steps, batch = like.shape[:2]
    if is_batch_major(like, lengths):
        return like.new_empty(batch, steps, width, dtype=dtype).transpose(0, 1)
    return like.new_empty(steps, batch, width, dtype=dtype)
