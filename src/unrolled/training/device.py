"""The device that a model is trained and used on."""

from __future__ import annotations

from typing import Any

import torch

from unrolled.checks import as_device, is_one_of


def chosen_device(device: Any) -> torch.device:
    """The device of this name.

    Args:
        device: "auto" (CUDA if there is one), or what torch takes for a device.

    Raises:
        ValueError: torch knows no such device, or has none here.
    """
    if is_one_of(device, ["auto"]):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return as_device(device, "'auto' or a torch device")
