"""The step-wise loop as one CUDA graph: what the host would launch step by step, the device launches by itself.

A graph knows addresses, not tensors, so it has memory of its own for all that goes in and out, and a call is three
parts: copy in, replay, copy out. It is good for one shape only. Recording takes longer than the loop itself, so a shape
is recorded when it comes for the second time, and the shapes last used keep their graphs.

Memory: of each recorded shape (`KEPT` of a forward and a backward program each) all streams, once more.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor

from unrolled.compiler.gpu.stepwise import Stepwise

# Graphs of one program that are kept.
KEPT = 4
# Shapes that are remembered for having come once.
REMEMBERED = 256


# Every one there is.
_all: WeakSet[Graphed] = WeakSet()


def forget_graphs() -> None:
    """Frees the graphs of all programs; those that are used again are recorded again."""
    for each in list(_all):
        each.forget()


class Graphed:
    """A step-wise program, recorded; see `Kernel`, which it stands in for.

    Args:
        loop: the program.
    """

    def __init__(self, loop: Stepwise) -> None:
        self.loop = loop
        self._read = {op.detail[0] for op in loop.program.graph.ops if op.kind == "load"}
        self._written = {stream for stream, _ in loop.program.stores}
        self._graphs: OrderedDict[Any, _Recording] = OrderedDict()
        self._seen: OrderedDict[Any, None] = OrderedDict()
        # Two threads must not fill the memory of one graph at once.
        self._lock = threading.Lock()

        _all.add(self)

    def texts(self) -> list[str]:
        """The modules of the kernels."""
        return self.loop.texts()

    def forget(self) -> None:
        """Frees the graphs and their memory."""
        with self._lock:
            self._graphs.clear()

    def run(
        self,
        batch: int,
        steps: int,
        lengths: Tensor | None,
        states: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        streams: Mapping[str, Tensor],
        *,
        reverse: bool,
    ) -> dict[str, Tensor]:
        """Runs all steps of all rows; see `Kernel.run`."""
        named: dict[str, Mapping[str, Tensor]] = {
            "states": states,
            "parameters": {name: value.detach() for name, value in parameters.items()},
            "streams": {name: streams[name] for name in self._read | self._written},
        }
        if lengths is not None:
            named["lengths"] = {"lengths": lengths}
        # Padding is left as it was given; where there is none, what is only written need not be brought in.
        unread = set() if lengths is not None else self._written - self._read

        def loop(tensors: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
            own = tensors.get("lengths", {}).get("lengths")
            parts = (tensors[part] for part in ("states", "parameters", "streams"))
            return self.loop.run(batch, steps, own, *parts, reverse=reverse)

        if batch * steps == 0 or not can_record(next(iter(states.values())).device):
            return loop(named)
        key = (place(), reverse, *(_form(part, name, each) for part in named for name, each in named[part].items()))
        with self._lock:
            graph = self._graphs.pop(key, None)
            if graph is None:
                if key not in self._seen:
                    self._seen[key] = None
                    if len(self._seen) > REMEMBERED:
                        self._seen.popitem(last=False)
                    return loop(named)
                graph = _Recording(named, loop)
            self._graphs[key] = graph
            if len(self._graphs) > KEPT:
                self._graphs.popitem(last=False)
            return graph(named, unread, self._written)


class _Recording:
    """A loop over memory of its own.

    Args:
        named: tensors of the shapes that it is for, by part and name.
        loop: makes the new states of such tensors, on the way filling some of them.
    """

    def __init__(
        self,
        named: Mapping[str, Mapping[str, Tensor]],
        loop: Callable[[Mapping[str, Mapping[str, Tensor]]], dict[str, Tensor]],
    ) -> None:
        # Contiguous whatever they are: a stream may be one step that is expanded.
        self.own = {
            part: {name: torch.zeros_like(value, memory_format=torch.contiguous_format) for name, value in each.items()}
            for part, each in named.items()
        }
        self.after: dict[str, Tensor] = {}

        def body() -> None:
            self.after = loop(self.own)

        self.replay = record(body)

    def __call__(
        self, named: Mapping[str, Mapping[str, Tensor]], unread: set[str], written: set[str]
    ) -> dict[str, Tensor]:
        """Copies in, replays, copies out; gives the states at the end."""
        for part, each in named.items():
            for name, value in each.items():
                if part != "streams" or name not in unread:
                    self.own[part][name].copy_(value)
        self.replay()
        for name in written:
            named["streams"][name].copy_(self.own["streams"][name])
        return {name: value.clone() for name, value in self.after.items()}


def can_record(device: torch.device) -> bool:
    """Whether a graph can be recorded now: not while another one is, of which the loop is then a part."""
    return device.type == "cuda" and not torch.cuda.is_current_stream_capturing()


def place() -> Any:
    """What a graph's memory belongs to; another stream would not wait for this one."""
    stream = torch.cuda.current_stream()
    return stream.device_index, stream.cuda_stream


def record(body: Callable[[], None]) -> Callable[[], None]:
    """Records what a function launches; the result launches it again."""
    # Once before, on a stream of its own: what a library prepares when it is first called cannot be recorded.
    current, other = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    other.wait_stream(current)
    with torch.cuda.stream(other):
        body()
    current.wait_stream(other)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        body()
    return graph.replay


def _form(part: str, name: str, value: Tensor) -> tuple[object, ...]:
    return part, name, value.shape, value.dtype
