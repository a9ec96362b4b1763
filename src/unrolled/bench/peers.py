"""The others: each gives its forward pass and its training step for a workload, or says why not.

Every peer has the parameters of our net, so that results can be compared before anything is timed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled.bench.workloads import LAYERS, Workload
from unrolled.unroll import unroll


class SkippedError(Exception):
    """The peer cannot do this; the message says why."""


@dataclass(frozen=True, slots=True)
class Ways:
    """One contender on one workload.

    Attributes:
        infer: the forward pass; its outputs (batch, time, units), or what numpy makes an array of.
        train: forward and backward pass; None where there is none.
    """

    infer: Callable[[], Any]
    train: Callable[[], object] | None


def ways_of(module: torch.nn.Module, forward: Callable[[], Tensor], weights: Tensor) -> Ways:
    """Both ways of a torch module."""

    def infer() -> Tensor:
        with torch.no_grad():
            return forward()

    def train() -> None:
        module.zero_grad()
        torch.autograd.backward([forward()], [weights])

    return Ways(infer, train)


def ours(workload: Workload) -> Ways:
    """Unrolled."""
    if workload.streamed:
        stream, steps = workload.stream, list(workload.inputs.unbind(1))

        def infer() -> Tensor:
            stream.reset()
            return torch.stack([stream(step) for step in steps], 1)

        return Ways(infer, None)
    return ways_of(workload.module, lambda: workload.outputs(workload.inputs), workload.weights)


def ours_padded(workload: Workload) -> Ways:
    """Unrolled on the same rows, all of them whole: what the padding would cost."""
    if not workload.ragged:
        raise SkippedError("its rows are whole")
    return ways_of(workload.module, lambda: workload.outputs(workload.inputs, whole=True), workload.weights)


def ours_in_float32(workload: Workload) -> Ways:
    """Unrolled without autocast."""
    if not workload.bf16:
        raise SkippedError("it is float32 already")
    return ways_of(workload.module, lambda: workload.outputs(workload.inputs, bf16=False), workload.weights)


def torch_nn(workload: Workload) -> Ways:
    """torch.nn's layer; on packed sequences if rows are ragged."""
    if workload.kind not in LAYERS:
        raise SkippedError(f"torch.nn has no {workload.kind}")
    sizes = (workload.features, workload.units)
    module = getattr(torch.nn, workload.kind)(*sizes, batch_first=True, **workload.options)
    module.load_state_dict(workload.module.state_dict())
    lengths = workload.lengths

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=workload.bf16):
            if workload.streamed:
                return _step_by_step(module, workload.inputs)
            if lengths is None:
                outputs: Tensor = module(workload.inputs)[0]
                return outputs.float()
            packed = pack_padded_sequence(workload.inputs, lengths, batch_first=True, enforce_sorted=False)
            outputs, _ = pad_packed_sequence(module(packed)[0], batch_first=True)
            return outputs

    ways = ways_of(module, forward, workload.weights)
    return Ways(ways.infer, None) if workload.streamed else ways


def _step_by_step(module: torch.nn.Module, inputs: Tensor) -> Tensor:
    outputs, state = [], None
    for step in torch.split(inputs, 1, 1):
        output, state = module(step, state)
        outputs.append(output)
    return torch.cat(outputs, 1)


def _loop(workload: Workload) -> Callable[[], Tensor]:
    cell = workload.cell
    if cell is None or workload.ragged or workload.streamed or workload.bf16:
        raise SkippedError("it is not one layer on whole rows")
    return lambda: unroll(cell, workload.inputs, backend="reference")[0]


def eager_loop(workload: Workload) -> Ways:
    """The cell's own Python in a loop over the steps, by torch's operations."""
    return ways_of(workload.module, _loop(workload), workload.weights)


def torch_compile(workload: Workload) -> Ways:
    """torch.compile of that loop."""
    loop = _loop(workload)
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        raise SkippedError("there is no C++ compiler, which torch.compile needs")
    # What earlier workloads compiled would count against the limit of versions of one function.
    torch.compiler.reset()
    return ways_of(workload.module, torch.compile(loop), workload.weights)


def jax_scan(workload: Workload) -> Ways:
    """`jax.lax.scan` over a step, jitted; the input projection is one product before the scan."""
    if find_spec("jax") is None:
        raise SkippedError("jax is not installed")
    if workload.cell is None or workload.ragged or workload.streamed or workload.bf16:
        raise SkippedError("it is not one layer on whole rows")
    from unrolled.bench.jax_peer import scan

    infer, train = scan(workload.kind, workload.options, workload.cell, workload.inputs, workload.weights)
    return Ways(infer, train)


def keras(workload: Workload) -> Ways:
    """Keras's layer on its jax back end, jitted."""
    if find_spec("keras") is None or find_spec("jax") is None:
        raise SkippedError("keras or jax is not installed")
    if workload.kind not in LAYERS or workload.cell is None or workload.ragged or workload.streamed or workload.bf16:
        raise SkippedError("it is not one of Keras's layers on whole rows")
    from unrolled.bench.keras_peer import layer

    infer, train = layer(workload.kind, workload.options, workload.cell, workload.inputs, workload.weights)
    return Ways(infer, train)


PEERS: dict[str, Callable[[Workload], Ways]] = {
    "torch.nn": torch_nn,
    "eager loop": eager_loop,
    "torch.compile": torch_compile,
    "jax": jax_scan,
    "keras": keras,
    "ours padded": ours_padded,
    "ours float32": ours_in_float32,
}
