"""torch's own fused kernels (ATen on CPU, cuDNN on CUDA), for the cells that torch.nn has."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from unrolled.backends.backend import Backend, Request, Served, cleaned
from unrolled.cells import GRU, LSTM, RNN, ProjectedLSTM
from unrolled.cells.named import tuple_type

Kernel = Callable[..., tuple[Tensor, ...]]


def _kernel(cell: Any) -> Kernel | None:
    # A subclass may have another step, so only the very classes count.
    if type(cell) is RNN:
        return torch._VF.rnn_tanh if cell.nonlinearity == "tanh" else torch._VF.rnn_relu
    kernels: dict[type, Kernel] = {LSTM: torch._VF.lstm, ProjectedLSTM: torch._VF.lstm, GRU: torch._VF.gru}
    return kernels.get(type(cell))


def _offer(request: Request) -> Served | str:
    cell = request.cell
    if _kernel(cell) is None:
        return f"torch has no fused kernel for {type(cell).__name__}, only for RNN, LSTM, ProjectedLSTM and GRU"
    if request.inputs.shape[0] == 0 or request.inputs.shape[1] == 0:
        return "torch's kernels take no empty sequences or batches"
    if torch._C._are_functorch_transforms_active():
        return "torch's kernels do not work under torch.func transforms"
    if torch.compiler.is_compiling():
        return "torch.compile does not take torch's fused kernels into its graph"
    return partial(_run, request)


def _run(request: Request) -> tuple[Tensor, Any]:
    inputs, lengths, state = request.cleaned().inputs, request.lengths, request.state
    if lengths is None:
        if request.reverse:
            inputs = inputs.flip(0)
        outputs, after = _call(request.cell, inputs, None, state)
        return (outputs.flip(0) if request.reverse else outputs), after
    order = _reversal(lengths, inputs.shape[0]) if request.reverse else None
    if order is not None:
        inputs = _permuted(inputs, order)
    # The kernels know no empty rows: those run for one step, and what comes of it is dropped.
    packed = pack_padded_sequence(inputs, lengths.clamp(min=1).cpu(), enforce_sorted=False)
    by_length = [value.index_select(0, packed.sorted_indices) for value in state]
    data, after = _call(request.cell, packed.data, packed.batch_sizes, by_length)
    outputs, _ = pad_packed_sequence(
        PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices),
        total_length=inputs.shape[0],
    )
    if order is not None:
        outputs = _permuted(outputs, order)
    empty = (lengths == 0).unsqueeze(-1)
    after = [value.index_select(0, packed.unsorted_indices) for value in after]
    after = [torch.where(empty, was, value) for was, value in zip(state, after, strict=True)]
    return cleaned(outputs, lengths), type(state)(*after)


def _call(cell: Any, data: Tensor, batch_sizes: Tensor | None, state: Any) -> tuple[Tensor, Any]:
    weights = [cell.weight_ih, cell.weight_hh, *((cell.bias_ih, cell.bias_hh) if cell.bias else ())]
    if type(cell) is ProjectedLSTM:
        weights.append(cell.weight_hr)
    hidden = [value.unsqueeze(0).contiguous() for value in state]
    hx: Any = hidden if len(hidden) > 1 else hidden[0]
    layers, dropout, training, bidirectional = 1, 0.0, cell.training, False
    options = (cell.bias, layers, dropout, training, bidirectional)
    kernel = _kernel(cell)
    assert kernel is not None
    if batch_sizes is None:
        output, *after = kernel(data, hx, weights, *options, False)
    else:
        output, *after = kernel(data, batch_sizes, hx, weights, *options)
    return output, tuple_type(tuple(cell.state_sizes))(*(value.squeeze(0) for value in after))


def _reversal(lengths: Tensor, steps: int) -> Tensor:
    """(steps, batch): for each place the step that stands there once every row is reversed within its length."""
    time = torch.arange(steps, device=lengths.device).unsqueeze(-1)
    return torch.where(time < lengths, lengths - 1 - time, time)


def _permuted(values: Tensor, order: Tensor) -> Tensor:
    return values.gather(0, order.unsqueeze(-1).expand_as(values))


torch_kernels = Backend("torch", _offer)
