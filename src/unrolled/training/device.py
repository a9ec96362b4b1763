"""The device that a model is trained and used on."""

from __future__ import annotations

from typing import Any

import torch


def chosen_device(device: Any) -> torch.device:
    """The device of this name.

    Args:
        device: "auto" (CUDA if there is one), or what torch takes for a device.

    Raises:
        ValueError: torch knows no such device, or has none here.
    """
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device: expected 'auto' or a torch device, found {device!r}") from error
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        found = f"{count} GPUs that torch can use" if count else "no GPU that torch can use; see `unrolled doctor`"
        raise ValueError(f"device: expected a device of this machine, found {device!r}, but this machine has {found}")
    return chosen
