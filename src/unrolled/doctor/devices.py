"""GPUs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec

import torch

from unrolled.doctor.finding import Finding


def gpus() -> Iterator[Finding]:
    """Which there are, and whether torch and Triton can use them."""
    if not torch.cuda.is_available():
        if shutil.which("nvidia-smi") is None:
            yield Finding("gpu", "ok", "none; everything runs on the CPU")
        elif torch.version.cuda is None:
            advice = "install torch's build for CUDA, see https://pytorch.org/get-started"
            yield Finding("gpu", "problem", "there seems to be one, but this torch is built without CUDA", advice)
        else:
            yield Finding("gpu", "problem", "torch cannot use it", "see whether nvidia-smi and its driver work")
        return
    for number in range(torch.cuda.device_count()):
        told = torch.cuda.get_device_properties(number)
        name = f"{told.name}, {told.total_memory / 2**30:.0f} GiB, compute capability {told.major}.{told.minor}"
        yield Finding(f"cuda:{number}", "ok", name)
    if find_spec("triton") is None:
        advice = "pip install triton; without it cells other than torch's own run as the reference there"
        yield Finding("triton", "problem", "not installed", advice)
