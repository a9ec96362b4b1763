"""What can run a recurrence over time: each backend says what it refuses, and runs the rest."""

from __future__ import annotations

from unrolled.backends.backend import Backend as Backend
from unrolled.backends.backend import Request as Request
from unrolled.backends.backend import Served as Served
from unrolled.backends.cpu import cpu
from unrolled.backends.reference import reference
from unrolled.backends.torch import torch_kernels
from unrolled.backends.triton import triton_kernels

# In the order in which `auto` asks them; the reference serves everything.
backends: dict[str, Backend] = {backend.name: backend for backend in (cpu, triton_kernels, torch_kernels, reference)}
