"""`unroll`: a core over a batch of sequences, by whichever backend serves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import save_on_cpu

from unrolled.backends import Request, Served, backends
from unrolled.backends.automatic import automatic
from unrolled.backends.backend import cleaned
from unrolled.backends.recompute import recomputed, segment_length
from unrolled.backends.reference import states_in_time
from unrolled.cells.core import Core, Recurrence
from unrolled.cells.named import tuple_type
from unrolled.checks import truth


def unroll(
    cell: Core,
    inputs: Tensor,
    lengths: Tensor | None = None,
    state: Any = None,
    *,
    time_major: bool = False,
    reverse: bool = False,
    backend: str = "auto",
    checkpoint: str | None = None,
    offload: bool = False,
) -> tuple[Tensor, Any]:
    """Runs a core over sequences.

    Args:
        cell: a cell, or a wrapper around one.
        inputs: (batch, time, input_size), or (time, batch, input_size) if `time_major`. What lies past a row's
            length is never used: not even NaN there has an effect.
        lengths: (batch,) integers from 0 to time, on any device; None if every row is whole. Checked on the
            host only: lengths on another device count as checked.
        state: the state before the first step; None for `cell.initial_state`. A state as returned, or a
            tuple of tensors (batch, units) in the order of `cell.states`; one tensor where there is one state.
        time_major: the layout of inputs and outputs.
        reverse: run every row backwards within its own length; outputs stand at their inputs' places.
        backend: "reference", "torch", "cpu", "triton", or "auto" for the fastest that can serve; see `explain`.
        checkpoint: what the backward pass needs is computed again instead of kept: "all" for the whole sequence at
            once, "every:k" in segments of k steps, "sqrt" in segments of the square root of the steps. None keeps it.
        offload: what the backward pass needs on a GPU waits in host memory meanwhile.

    Returns:
        Outputs in the inputs' layout, (batch, time, output_size), zero past a row's length; and the state after
        each row's last valid step (of the direction), the initial state where the length is 0.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument has the wrong shape, dtype or values, or the named backend cannot serve; the
            message says why.

    Memory: training keeps what each step computes, time * batch * (a vector a gate and two a state). With
    `checkpoint`, a segment's share of that and the states between segments; one more forward pass is the price.
    """
    truth("reverse", reverse)
    truth("offload", offload)
    call = Call.of(cell, inputs, lengths, state, time_major=time_major)
    how = _How(reverse, backend, None if checkpoint is None else segment_length(checkpoint, call.inputs.shape[0]))
    with save_on_cpu(pin_memory=True) if offload and call.inputs.is_cuda else nullcontext():
        outputs, after = _run(call, how, cell, call.inputs, call.state)
    if call.lengths is not None and not isinstance(cell, Recurrence):
        # A wrapper may have written past the end: a projection has a bias.
        outputs = cleaned(outputs, call.lengths)
    outputs = outputs if time_major else outputs.transpose(0, 1)
    for watch in watching:
        watch(Watched(cell, inputs, outputs, call.lengths, time_major, reverse))
    return outputs, after


@dataclass(frozen=True, slots=True)
class Watched:
    """A call of `unroll`, and its outputs."""

    cell: Core
    inputs: Tensor
    outputs: Tensor
    lengths: Tensor | None
    time_major: bool
    reverse: bool


# What is told of every call, while a training step that went wrong is looked into.
watching: list[Callable[[Watched], None]] = []


@dataclass(frozen=True, slots=True)
class _How:
    """The choices of a call; segments to recompute have this many steps."""

    reverse: bool
    backend: str
    segment: int | None


def _run(call: Call, how: _How, core: Core, values: Tensor, state: Any) -> tuple[Tensor, Any]:
    if not isinstance(core, Recurrence):
        # Not a closure of itself: such a cycle would keep the graph alive until the next garbage collection.
        return core.sequence(partial(_run, call, how), values, state)
    request = call.request(core, values, state, how.reverse)
    if how.segment is not None and torch.is_grad_enabled():
        return recomputed(lambda part: _offered(part, how.backend)(), request, how.segment)
    return _offered(request, how.backend)()


def static_unroll(
    cell: Recurrence,
    inputs: Tensor,
    lengths: Tensor | None = None,
    state: Any = None,
    *,
    time_major: bool = False,
    reverse: bool = False,
) -> list[Any]:
    """The state at every time step, by the reference backend.

    Args: those of `unroll`.

    Returns:
        A list of `time` states, tensors (batch, units). Past a row's length its state stays as it was.

    Raises:
        TypeError, ValueError: as `unroll`.
    """
    if not isinstance(cell, Recurrence):
        raise TypeError(f"cell: expected a cell, which has one state a step, found {type(cell).__name__}")
    truth("reverse", reverse)
    call = Call.of(cell, inputs, lengths, state, time_major=time_major)
    inputs = call.inputs if call.lengths is None else cleaned(call.inputs, call.lengths)
    projected = cell.project_inputs(inputs)
    states = dict(states_in_time(cell, projected, call.lengths, call.state, reverse=reverse))
    return [states[time] for time in sorted(states)]


@dataclass(frozen=True, repr=False)
class Explanation:
    """Which backend would serve a call, and why each other one would not.

    Attributes:
        chosen: the backend that "auto" takes.
        verdicts: for every backend, why it refuses, or None.
        compiled: what was asked to be shown, by name, as text.
    """

    chosen: str
    verdicts: dict[str, str | None]
    compiled: dict[str, str]

    def __str__(self) -> str:
        lines = []
        for name, why in self.verdicts.items():
            verdict = f"no: {why}" if why else "chosen" if name == self.chosen else "could serve"
            lines.append(f"{name:<10} {verdict}")
        for name, text in self.compiled.items():
            lines += ["", name, "-" * len(name), text]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Explanation: {self.chosen}>"


def explain(
    cell: Core,
    inputs: Tensor | None = None,
    lengths: Tensor | None = None,
    state: Any = None,
    *,
    time_major: bool = False,
    reverse: bool = False,
    show: str | Sequence[str] = (),
) -> Explanation:
    """Prints and returns every backend's verdict on a call of `unroll`.

    Args:
        cell: a cell, or a wrapper, of which the cell inside is judged.
        inputs: as `unroll`'s; zeros of shape (1, 1, input_size) unless given.
        lengths, state, time_major, reverse: as `unroll`'s.
        show: what the compiler makes of the cell, one or more of "graph" (the step as a list of operations),
            "gradient" (the backward step), "stages" (the step that saves what the backward step needs, cut into
            loops), "backward stages", "ir" (LLVM's, of the step without gradient), "assembly" (of the same), "triton"
            (the kernel for GPUs, of the same, and whether it was measured to be the fastest), "triton backward".

    Raises:
        TypeError, ValueError: as `unroll`; or `show` names something else, or the compiler cannot take the cell.
    """
    explanation = judged(cell, inputs, lengths, state, time_major=time_major, reverse=reverse, show=show)
    print(explanation)
    return explanation


def judged(
    cell: Core,
    inputs: Tensor | None = None,
    lengths: Tensor | None = None,
    state: Any = None,
    *,
    time_major: bool = False,
    reverse: bool = False,
    show: str | Sequence[str] = (),
) -> Explanation:
    """What `explain` prints, without printing it."""
    if not isinstance(cell, Core):
        raise TypeError(f"cell: expected a cell of unrolled.cells or a wrapper, found {type(cell).__name__}")
    truth("reverse", reverse)
    names = [show] if isinstance(show, str) and show else show
    if not isinstance(names, (list, tuple, str)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"show: expected a name or a list of names, found {show!r:.100}")
    inner = next(module for module in cell.modules() if isinstance(module, Recurrence))
    if inputs is None:
        like = inner.like
        inputs = torch.zeros(1, 1, cell.input_size, dtype=like.dtype, device=like.device)
    call = Call.of(cell, inputs, lengths, state, time_major=time_major)
    steps, rows = call.inputs.shape[:2]
    values = call.inputs if inner is cell else call.inputs.new_zeros(steps, rows, inner.input_size)
    request = call.request(inner, values, call.state if inner is cell else inner.initial_state(rows), reverse)
    offers = {name: candidate.offer(request) for name, candidate in backends.items()}
    verdicts = {name: offer if isinstance(offer, str) else None for name, offer in offers.items()}
    compiled = {}
    if names:
        from unrolled.compiler.show import shown

        compiled = {name: shown(request, name) for name in names}
    return Explanation(automatic(request)[0], verdicts, compiled)


def _offered(request: Request, name: str) -> Served:
    if not isinstance(name, str):
        raise TypeError(f"backend: expected a name, found {type(name).__name__}")
    if name == "auto":
        return automatic(request)[1]
    if name not in backends:
        raise ValueError(f"backend: expected one of auto, {', '.join(backends)}, found {name!r}")
    offer = backends[name].offer(request)
    if isinstance(offer, str):
        raise ValueError(f"backend: {name!r} cannot serve this call: {offer}")
    return offer


@dataclass(frozen=True, slots=True)
class Call:
    """The checked arguments, time-major."""

    inputs: Tensor
    lengths: Tensor | None
    state: Any

    @classmethod
    def of(cls, cell: Core, inputs: Tensor, lengths: Tensor | None, state: Any, *, time_major: bool) -> Call:
        """The call with these arguments, checked; see `unroll`."""
        if not isinstance(cell, Core):
            raise TypeError(f"cell: expected a cell of unrolled.cells or a wrapper, found {type(cell).__name__}")
        truth("time_major", time_major)
        layout = "(time, batch, features)" if time_major else "(batch, time, features)"
        if not isinstance(inputs, Tensor):
            raise TypeError(f"inputs: expected a tensor {layout}, found {type(inputs).__name__}")
        if inputs.dim() != 3:
            raise ValueError(f"inputs: expected 3 dimensions {layout}, found shape {tuple(inputs.shape)}")
        if inputs.shape[-1] != cell.input_size:
            raise ValueError(f"inputs: expected {cell.input_size} features, found shape {tuple(inputs.shape)}")
        parameter = cell.like
        if inputs.dtype != parameter.dtype and not torch.is_autocast_enabled(inputs.device.type):
            raise ValueError(f"inputs: expected the cell's dtype {parameter.dtype}, found {inputs.dtype}")
        if not time_major:
            inputs = inputs.transpose(0, 1)
        if lengths is not None:
            lengths = checked_lengths(lengths, inputs)
            if not isinstance(cell, Recurrence):
                # What wrappers do to the padding must stay harmless; a backend knows how to deal with it itself.
                inputs = cleaned(inputs, lengths)
        rows = inputs.shape[1]
        if state is None:
            state = cell.initial_state(rows, device=inputs.device)
        elif isinstance(cell, Recurrence):
            state = checked_state(cell, state, rows)
        return cls(inputs, lengths, state)

    def request(self, cell: Recurrence, inputs: Tensor, state: Any, reverse: bool) -> Request:
        """What a backend is asked."""
        lengths = self.lengths if self.lengths is None else self.lengths.to(inputs.device)
        return Request(cell, inputs, lengths, state, reverse)


def checked_lengths(lengths: Tensor, inputs: Tensor) -> Tensor:
    """Lengths (batch,) of time-major inputs, on the inputs' device.

    Raises:
        TypeError, ValueError: they are no integers from 0 to the time steps, one a row.
    """
    steps, rows = inputs.shape[:2]
    if not isinstance(lengths, Tensor):
        raise TypeError(f"lengths: expected a tensor of integers, found {type(lengths).__name__}")
    if lengths.dtype.is_floating_point or lengths.dtype.is_complex or lengths.dtype == torch.bool:
        raise ValueError(f"lengths: expected integers, found {lengths.dtype}")
    if lengths.shape != (rows,):
        raise ValueError(f"lengths: expected shape ({rows},), one length a row, found {tuple(lengths.shape)}")
    readable = lengths.device.type == "cpu" and not torch._C._are_functorch_transforms_active()
    if readable and rows and not torch.compiler.is_compiling():
        low, high = (int(value) for value in lengths.aminmax())
        if low < 0 or high > steps:
            raise ValueError(f"lengths: expected values from 0 to {steps}, the time steps, found {low} to {high}")
    return lengths.to(device=inputs.device, dtype=torch.int64)


def checked_state(cell: Recurrence, state: Any, rows: int) -> Any:
    """The state as the cell's named tuple.

    Raises:
        TypeError, ValueError: it is not one tensor (rows, units) for each of the cell's states.
    """
    names = tuple(cell.state_sizes)
    if isinstance(state, Tensor):
        state = (state,)
    if not isinstance(state, (tuple, list)) or len(state) != len(names):
        found = f"{len(state)} values" if isinstance(state, (tuple, list)) else type(state).__name__
        raise ValueError(f"state: expected a tensor for each of {', '.join(names)}, found {found}")
    for (name, size), value in zip(cell.state_sizes.items(), state, strict=True):
        if not isinstance(value, Tensor):
            raise TypeError(f"state: expected {name} to be a tensor, found {type(value).__name__}")
        if value.shape != (rows, size):
            raise ValueError(f"state: expected {name} of shape ({rows}, {size}), found {tuple(value.shape)}")
    return tuple_type(names)(*state)
