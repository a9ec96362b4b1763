"""pytest's plugin that has the stand-in be torch's CUDA device; UNROLLED_STANDIN names the library, see `build`."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def build(folder: Path) -> Path:
    """Compiles the device, which takes a quarter of a minute, and gives the library."""
    from torch.utils.cpp_extension import include_paths

    made = folder / "device.so"
    source = Path(__file__).with_name("device.cpp")
    includes = [f"-isystem{path}" for path in include_paths()]
    command = ["c++", "-std=c++20", "-O1", "-shared", "-fPIC", *includes, str(source), "-o", str(made)]
    subprocess.run(command, check=True)
    return made


def _loaded(path: str) -> ctypes.CDLL:
    # Before torch asks for the first time whether there is a device, so not by way of torch.
    spec = find_spec("torch")
    assert spec is not None
    assert spec.submodule_search_locations
    for name in ("libc10", "libtorch_cpu", "libtorch"):
        ctypes.CDLL(f"{spec.submodule_search_locations[0]}/lib/{name}.so", ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(path, ctypes.RTLD_GLOBAL)


if "UNROLLED_STANDIN" in os.environ:
    device = _loaded(os.environ["UNROLLED_STANDIN"])
    device.standin_records.restype = ctypes.c_bool
    device.standin_replay.argtypes = [ctypes.c_int64]
    device.standin_end.restype = ctypes.c_int64

    import torch

    class Stream:
        """The only one."""

        device_index = cuda_stream = stream_id = 0

        def wait_stream(self, other: Any) -> None:
            """Never has to."""

        def synchronize(self) -> None:
            """Never has to."""

    class Event:
        """Takes no time."""

        def __init__(self, **_: Any) -> None:
            pass

        def record(self, *_: Any) -> None:
            """Has nothing to remember."""

        def synchronize(self) -> None:
            """Never has to."""

        def elapsed_time(self, other: Event) -> float:
            """Always the same, so that the first way that works is the fastest."""
            return 1.0

    class CUDAGraph:
        """What was done, and can be done again in the same memory."""

        tape = -1

        def replay(self) -> None:
            """Does it again."""
            assert not device.standin_records()
            device.standin_replay(self.tape)

    @contextlib.contextmanager
    def graph(made: CUDAGraph, **_: Any) -> Iterator[None]:
        """Records what is done inside."""
        device.standin_begin()
        try:
            yield
        finally:
            made.tape = device.standin_end()

    class Properties:
        """As an H100's."""

        name, major, minor = "stand-in", 9, 0
        total_memory, shared_memory_per_block_optin = 1 << 37, 227 << 10

    def _here(*_: Any, **__: Any) -> Any:
        return contextlib.nullcontext()

    STREAM = Stream()
    for name, value in {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "_lazy_init": lambda: None,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "set_device": lambda *_: None,
        "get_device_properties": lambda *_: Properties,
        "get_device_capability": lambda *_: (9, 0),
        "get_device_name": lambda *_: Properties.name,
        "current_stream": lambda *_: STREAM,
        "is_current_stream_capturing": lambda: device.standin_records(),
        "synchronize": lambda *_: None,
        "set_sync_debug_mode": lambda mode: device.standin_forbid_waiting(mode == "error"),
        "get_rng_state": lambda *_: torch.get_rng_state(),
        "set_rng_state": lambda *_: None,
        "device_of": _here,
        "device": _here,
        "stream": _here,
        "Stream": Stream,
        "Event": Event,
        "CUDAGraph": CUDAGraph,
        "graph": graph,
    }.items():
        setattr(torch.cuda, name, value)

    if os.environ.get("TRITON_INTERPRET") == "1":
        from triton.runtime.interpreter import GridExecutor

        _work: list[Callable[[], None]] = []
        _again = ctypes.CFUNCTYPE(None, ctypes.c_int64)(lambda which: _work[which]())
        _run = GridExecutor.__call__

        def _on_host(value: Any) -> Any:
            on_device = isinstance(value, torch.Tensor) and value.is_cuda
            return torch.ops.standin.on_host(value.detach()) if on_device else value

        def _arguments(self: Any, values: Any, named: Any) -> Any:
            return [_on_host(value) for value in values], {name: _on_host(value) for name, value in named.items()}

        def _launch(self: Any, *values: Any, **named: Any) -> None:
            _run(self, *values, **named)
            if device.standin_records():
                _work.append(lambda: _run(self, *values, **named))
                device.standin_launched(_again, ctypes.c_int64(len(_work) - 1))

        GridExecutor._init_args_hst = _arguments
        GridExecutor._restore_args_dev = lambda self, *_: None
        GridExecutor.__call__ = _launch
    else:
        import unrolled.backends.triton

        # Without a GPU compiled kernels have nowhere to run, and interpreted ones are too slow for whole models.
        unrolled.backends.triton._unavailable = lambda kind: "there is no GPU but a stand-in"
