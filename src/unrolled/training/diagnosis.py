"""Where a loss or a gradient that is not finite began: the step is run once more, and every layer looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor, nn

from unrolled.unroll import Watched, watching


class NonFiniteLossError(ArithmeticError):
    """The loss, a gradient or a parameter became NaN or infinite.

    Attributes:
        epoch, step: when, both from 1; None where that is not known.
        finding: where it began; None where that was not found.
    """

    def __init__(
        self, message: str, *, epoch: int | None = None, step: int | None = None, finding: Finding | None = None
    ) -> None:
        super().__init__(message)
        self.epoch, self.step, self.finding = epoch, step, finding


@dataclass(frozen=True, slots=True)
class Finding:
    """Where a number that is not finite was met first.

    Attributes:
        what: "input", "output", "parameter", or the gradient of one of them.
        layer: the module's name, or the parameter's.
        time: the time step, from 0; None for what has no time.
        row: of the batch, the first of those concerned.
        value: the number.
    """

    what: str
    layer: str
    time: int | None
    row: int | None
    value: float

    def __str__(self) -> str:
        where = "" if self.time is None else f" at time step {self.time}"
        where += "" if self.row is None else f" of row {self.row}"
        return f"{self.what} of {self.layer!r} is the first that is not finite: {self.value}{where}"


@dataclass(frozen=True, slots=True)
class Before:
    """What a step starts from, beside the parameters."""

    random: Tensor
    random_cuda: Tensor | None
    buffers: dict[str, Tensor]

    @classmethod
    def of(cls, module: nn.Module) -> Self:
        """As it is now."""
        on_gpu = any(parameter.is_cuda for parameter in module.parameters())
        random_cuda = torch.cuda.get_rng_state() if on_gpu else None
        return cls(torch.get_rng_state(), random_cuda, {name: one.clone() for name, one in module.named_buffers()})

    def restore(self, module: nn.Module) -> None:
        """Makes it so again."""
        torch.set_rng_state(self.random)
        if self.random_cuda is not None:
            torch.cuda.set_rng_state(self.random_cuda)
        for name, buffer in module.named_buffers():
            buffer.data.copy_(self.buffers[name])


def diagnose(module: nn.Module, cost: Callable[[], Tensor]) -> Finding | None:
    """Finds the first number that is not finite: in the parameters, on the way forward, or on the way back.

    Args:
        module: what is trained, with what the step started from restored.
        cost: runs the step, and gives its loss.

    Returns:
        None where every layer's output is finite, and so are their gradients.
    """
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            return _found("parameter", name, parameter.detach(), None)
    watch = _Watch(module)
    with watch.everything(), torch.enable_grad():
        loss = cost()
        if watch.forward is None and loss.isfinite() and loss.requires_grad:
            parameters = {name: one for name, one in module.named_parameters() if one.requires_grad}
            gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
            for name, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None and not gradient.isfinite().all():
                    watch.backward = watch.backward or _found("gradient of parameter", name, gradient, None)
    return watch.forward or watch.backward


class _Watch:
    """Notes what is met first, on the way forward and on the way back."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.names = {id(own): name or type(own).__name__ for name, own in module.named_modules()}
        self.inside: list[str] = []
        self.forward: Finding | None = None
        self.backward: Finding | None = None

    @contextmanager
    def everything(self) -> Iterator[None]:
        """Watches every module, and every cell that is unrolled."""
        with ExitStack() as stack:
            for module in self.module.modules():
                stack.enter_context(module.register_forward_pre_hook(self._begins))
                stack.enter_context(module.register_forward_hook(self._ends))
            watching.append(self._unrolled)
            stack.callback(watching.remove, self._unrolled)
            yield

    def _begins(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        self.inside.append(self.names[id(module)])

    def _ends(self, module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        name = self.inside.pop()
        values = [("output", tensor) for tensor in _tensors(output)]
        if not any(module.children()):
            values = [("input", tensor) for tensor in _tensors(arguments)] + values
        for what, tensor in values:
            self._look(what, name, tensor)

    def _unrolled(self, call: Watched) -> None:
        name = self.names.get(id(call.cell), self.inside[-1] if self.inside else type(call.cell).__name__)
        for what, tensor in (("input", call.inputs), ("output", call.outputs)):
            self._look(what, name, tensor, call)

    def _look(self, what: str, name: str, tensor: Tensor, call: Watched | None = None) -> None:
        self.forward = self.forward or _found(what, name, tensor.detach(), call)
        if tensor.requires_grad and self.forward is None:
            tensor.register_hook(partial(self._look_back, what, name, call))  # type: ignore[no-untyped-call]

    def _look_back(self, what: str, name: str, call: Watched | None, gradient: Tensor | None) -> None:
        if gradient is not None:
            self.backward = self.backward or _found(f"gradient of {what}", name, gradient, call, back=True)


def _found(what: str, name: str, tensor: Tensor, call: Watched | None, back: bool = False) -> Finding | None:
    """The first number that is not finite in the order of computation, if there is one."""
    if not tensor.is_floating_point():
        return None
    bad = ~tensor.isfinite()
    if call is None:
        if not bad.any():
            return None
        place = bad.nonzero()[0].tolist()
        return Finding(what, name, None, None if "parameter" in what or not place else place[0], _at(tensor, place))
    tensor, bad = (tensor, bad) if call.time_major else (tensor.transpose(0, 1), bad.transpose(0, 1))
    if call.lengths is not None:
        # Whatever is in the padding has no effect.
        steps = torch.arange(len(bad), device=bad.device)
        bad = bad & (steps[:, None] < call.lengths.to(bad.device)).unsqueeze(-1)
    times = bad.flatten(1).any(1).nonzero().flatten()
    if not len(times):
        return None
    last_first = call.reverse != back
    time = int(times[-1] if last_first else times[0])
    row, *place = bad[time].nonzero()[0].tolist()
    return Finding(what, name, time, row, _at(tensor[time], [row, *place]))


def _at(tensor: Tensor, place: list[int]) -> float:
    return float(tensor[tuple(place)])


def _tensors(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, (tuple, list)):
        for value in values:
            yield from _tensors(value)
