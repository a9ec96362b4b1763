"""From the text of a kernel to the kernel: a module that importlib loads from memory.

Triton compiles functions of modules whose text it can read. The text here is what this process has just written from a
graph, and every word of it is one of the compiler's own: numbers, and names that it made up itself (parameters and
states are counted, never called by the names that users gave them). It never was a file, so there is none that could be
damaged or exchanged on the way. What Triton makes of it Triton keeps on disk, under a hash of the text.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from functools import lru_cache
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import CodeType
from typing import Any

import torch

_lock = threading.Lock()


class _InMemory(InspectLoader):
    """Loads a module from its text; Triton, debuggers and tracebacks ask it for the text too."""

    def __init__(self, text: str, name: str) -> None:
        self._text, self._name = text, name

    def get_source(self, fullname: str) -> str:
        """The text."""
        return self._text

    def get_code(self, fullname: str) -> CodeType:
        """The text compiled, under a name by which it is found again."""
        return self.source_to_code(self._text, self._name)


@lru_cache(maxsize=512)
def kernel_of(text: str) -> Any:
    """The function `kernel` of a module's text, as Triton's decorator made it."""
    name = f"{__package__}.kernel_{hashlib.sha256(text.encode()).hexdigest()}"
    # Where a file would be; there is none, so Python asks the loader for the text.
    loader = _InMemory(text, str(Path(__file__).with_name(f"{name.rpartition('.')[2]}.py")))
    spec = ModuleSpec(name, loader)
    module = module_from_spec(spec)
    with _lock:
        # Triton finds the text by way of the module's name.
        sys.modules[name] = module
        loader.exec_module(module)
    return module.kernel


# Whether kernels are compiled for what they would be launched on, and not launched.
_only_compiling: ContextVar[bool] = ContextVar("only_compiling", default=False)


def launch(text: str, grid: tuple[int, ...], *values: Any, **constants: Any) -> None:
    """Launches the kernel of a module's text on Triton's current device and stream."""
    kernel = kernel_of(text)
    if _only_compiling.get():
        kernel.warmup(*values, grid=grid, **constants)
    else:
        kernel[grid](*values, **constants)


def compile_together(calls: Iterable[Callable[[], object]]) -> None:
    """Compiles the kernels that calls would launch, as many at once as torch has threads; a launch tells what fails."""
    from triton import AsyncCompileMode

    token = _only_compiling.set(True)
    try:
        with (
            ThreadPoolExecutor(torch.get_num_threads()) as executor,
            AsyncCompileMode(executor, ignore_errors=True),
        ):
            for call in calls:
                # As too little memory, which this way's trial will tell of.
                with suppress(RuntimeError):
                    call()
    finally:
        _only_compiling.reset(token)
