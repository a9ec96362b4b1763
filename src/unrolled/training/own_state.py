"""What a checkpoint holds of each process: its random state, and its buffers, such as states carried along."""

from __future__ import annotations

import json
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.training.checkpoint import Checkpoints
from unrolled.training.distributed import Processes


def random_states() -> dict[str, Tensor]:
    """Of this process."""
    states = {"random.torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["random.cuda"] = torch.cuda.get_rng_state()
    return states


def others_tensors(module: nn.Module, processes: Processes) -> dict[str, Tensor]:
    """What every process but the first has to itself, to be kept with what all have in common."""
    from safetensors.torch import load, save

    if processes.count == 1:
        return {}
    buffers = {f"buffer.{name}": buffer.cpu().contiguous() for name, buffer in module.named_buffers()}
    each = processes.all_bytes(save(random_states() | buffers))
    return {
        f"process.{rank}.{name}": tensor
        for rank, content in enumerate(each[1:], start=1)
        for name, tensor in load(content).items()
    }


def take_own_tensors(module: nn.Module, tensors: dict[str, Tensor], processes: Processes) -> None:
    """Sets this process's random state and buffers, when the module has taken what all have in common.

    A process that the checkpoint does not know, since the run had fewer of them, goes on as if it began.
    """
    if processes.rank:
        prefix = f"process.{processes.rank}."
        tensors = {name.removeprefix(prefix): own for name, own in tensors.items() if name.startswith(prefix)}
    for name, buffer in module.named_buffers():
        if f"buffer.{name}" in tensors:
            buffer.copy_(tensors[f"buffer.{name}"])
    if "random.torch" in tensors:
        torch.set_rng_state(tensors["random.torch"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])


def first_checkpoint(checkpoints: Checkpoints, processes: Processes) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The newest checkpoint as the first process finds it, told to all, who may not see its folder."""
    from safetensors.torch import load, save

    if processes.count == 1:
        return checkpoints.newest()
    found = checkpoints.newest() if processes.rank == 0 else None
    tensors, state = found or ({}, None)
    told = json.loads(processes.first_bytes(json.dumps(state).encode()))
    content = processes.first_bytes(save(tensors))
    return None if told is None else (load(content), told)
