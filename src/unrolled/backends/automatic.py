"""What `backend="auto"` takes: on the CPU the first that can serve, on a GPU the fastest, by measurement."""

from __future__ import annotations

from functools import partial

import torch

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


def _fastest(request: Request, served: dict[str, Served]) -> str:
    from unrolled.compiler.gpu.choose import fastest, size_class
    from unrolled.compiler.plan import fingerprint

    inputs = request.inputs
    training = torch.is_grad_enabled() and any(p.requires_grad for p in (inputs, *request.cell.parameters()))
    autocast = str(torch.get_autocast_dtype("cuda")) if torch.is_autocast_enabled("cuda") else ""
    words = (
        fingerprint(request.cell),
        *(size_class(size) for size in inputs.shape[:2]),
        request.lengths is not None,
        training,
        autocast,
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.allow_tf32,
    )
    ways = {name: partial(_work, request, offer, training=training) for name, offer in served.items()}
    return fastest(f"auto {words}", ways, inputs.device)


def _work(request: Request, offer: Served, *, training: bool) -> None:
    # Noise that a cell draws must be the same afterwards as without measurement.
    with torch.random.fork_rng([request.inputs.device]):
        outputs, _ = offer()
        if training and outputs.requires_grad:
            wanted = [p for p in (request.inputs, *request.cell.parameters()) if p.requires_grad]
            torch.autograd.grad(outputs.sum(), wanted, allow_unused=True)
