"""What `backend="auto"` takes: on the CPU the first that can serve, on a GPU the fastest, by measurement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from unrolled.backends import backends
from unrolled.backends.backend import Request, Served


def automatic(request: Request) -> tuple[str, Served]:
    """The backend's name, and the function that serves.

    On a GPU what can serve runs the request itself, once to be compiled and a few times to be timed, with the backward
    pass if there will be one. The answer is kept, also on disk, for all requests of the same cell and about that size.
    """
    served: dict[str, Served] = {}
    for name, candidate in backends.items():
        offer = candidate.offer(request)
        if not isinstance(offer, str):
            served[name] = offer
            if request.inputs.device.type != "cuda" or torch.compiler.is_compiling():
                return name, offer
    chosen = _fastest(request, served)
    return chosen, served[chosen]


def _fastest(request: Request, names: Collection[str]) -> str:
    from unrolled.compiler.gpu.choose import fastest, size_class
    from unrolled.compiler.plan import fingerprint

    device = request.inputs.device
    tensors = (request.inputs, *request.state, *request.cell.parameters())
    training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    autocast = str(torch.get_autocast_dtype("cuda")) if torch.is_autocast_enabled("cuda") else ""
    words = (
        fingerprint(request.cell),
        *(size_class(size) for size in request.inputs.shape[:2]),
        request.lengths is not None,
        training,
        autocast,
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.allow_tf32,
    )
    return fastest(f"auto {words}", names, device, partial(_times, request, names, training=training))


def _times(request: Request, names: Collection[str], *, training: bool) -> dict[str, float]:
    from unrolled.compiler.gpu.choose import timed
    from unrolled.compiler.gpu.graphed import forget_graphs

    alone = _alone(request)
    tensors = (alone.inputs, *alone.state, *alone.cell.parameters())
    wanted = [tensor for tensor in tensors if tensor.requires_grad] if training else []
    times = timed({name: partial(_work, name, alone, wanted) for name in names}, request.inputs.device)
    if min(times, key=lambda name: times[name]) != "triton":
        # What it recorded in its trial would hold memory for nothing.
        forget_graphs()
    return times


def _alone(request: Request) -> Request:
    """The same work, but not part of the caller's graph, which a backward pass through it would use up."""

    def leaf(value: Tensor) -> Tensor:
        return value.detach().requires_grad_(value.requires_grad)

    return replace(request, inputs=leaf(request.inputs), state=type(request.state)(*map(leaf, request.state)))


def _work(name: str, request: Request, wanted: Sequence[Tensor]) -> None:
    served = backends[name].offer(request)
    assert not isinstance(served, str)
    # Noise that a cell draws must be the same afterwards as without measurement. Hooks that count or move what is
    # saved, as recomputing and offloading have, must not see it.
    with torch.random.fork_rng([request.inputs.device]), saved_tensors_hooks(lambda saved: saved, lambda saved: saved):
        outputs, _ = served()
        if wanted and outputs.requires_grad:
            torch.autograd.grad(outputs.sum(), wanted, allow_unused=True)
