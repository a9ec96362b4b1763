"""The base of every cell: declared states and gates, one step, and the parameters they imply."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import sqrt
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.cells.core import Recurrence
from unrolled.cells.named import State, split, tuple_type
from unrolled.checks import check_device, expect, integer, is_number, truth


class Cell(Recurrence):
    """A recurrent cell. Subclass it, declare `states` and `gates`, and write `step`.

    The step is the only definition of the cell: called with tensors it is the reference implementation.

    Class attributes:
        states: names of what is carried from step to step. The first one is the output.
        gates: names of the parts of the input projection; the step sees them as `x.<gate>`, each (batch, units).
        recurrent: the gates that have a recurrent projection too, seen as `r.<gate>`. All, unless said.
        deferred: the last few of `recurrent`, whose vector the step makes itself: `r.<gate>` is then a function,
            `r.new(v)` = `R_new v + b_new`.
        vectors: names of learned vectors of one number per unit, seen as `self.<name>`.
        initial: values other than zero that states start from.

    Parameters are named and laid out as in torch.nn: `weight_ih` (gates * hidden_size, input_size), `weight_hh`
    (recurrent gates * hidden_size, output_size), `bias_ih`, `bias_hh`. They start as Glorot-uniform input weights
    (Glorot, Bengio 2010), orthogonal recurrent weights (Saxe et al. 2014), gate by gate, and zero biases.

    Args:
        input_size: features of the input.
        hidden_size: units of the states.
        bias: whether the projections have biases.
        forget_bias: what the bias of a gate named "forget" starts from: 1 unless given, so that a new cell
            remembers (Gers et al. 2000; Jozefowicz, Zaremba, Sutskever 2015).
        device, dtype: of the parameters.

    Raises:
        ValueError: a size is not a positive integer, or `forget_bias` is given to a cell with no forget gate.
    """

    states: ClassVar[tuple[str, ...]] = ()
    gates: ClassVar[tuple[str, ...]] = ()
    recurrent: ClassVar[tuple[str, ...] | None] = None
    deferred: ClassVar[tuple[str, ...]] = ()
    vectors: ClassVar[tuple[str, ...]] = ()
    initial: ClassVar[Mapping[str, float]] = {}

    weight_ih: Tensor
    weight_hh: Tensor | None
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for attribute in ("states", "gates", "recurrent", "deferred", "vectors"):
            names = getattr(cls, attribute)
            if names is not None and (not isinstance(names, tuple) or not all(isinstance(n, str) for n in names)):
                raise TypeError(f"{cls.__name__}.{attribute} must be a tuple of names, found {names!r}")
        recurrent = cls.gates if cls.recurrent is None else cls.recurrent
        # Made here, since torch.compile can use such types but not make them.
        for names in (cls.states, cls.gates, recurrent, recurrent[: len(recurrent) - len(cls.deferred)], ()):
            tuple_type(names)
        if cls.deferred and recurrent[-len(cls.deferred) :] != cls.deferred:
            raise TypeError(
                f"{cls.__name__}.deferred must be the last of the recurrent gates {recurrent}, found {cls.deferred}"
            )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        forget_bias: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if not self.states or not self.gates:
            raise TypeError(f"{type(self).__name__} declares no states or no gates: see unrolled.cells.Cell")
        truth("bias", bias)
        check_device(device)
        self.input_size = input_size = integer("input_size", input_size)
        self.hidden_size = hidden_size = integer("hidden_size", hidden_size)
        self.bias = bool(bias)
        if forget_bias is not None and "forget" not in self.gates:
            raise ValueError(
                f"forget_bias: expected none, {type(self).__name__} has no forget gate; found {forget_bias!r}"
            )
        expect("forget_bias", forget_bias, "a finite number or None", forget_bias is None or is_number(forget_bias))
        self.forget_bias = 1.0 if forget_bias is None else float(forget_bias)
        self.state_sizes = self._state_sizes()
        self.output_size = self.state_sizes[self.states[0]]
        eager = [g for g in self.recurrent_gates if g not in self.deferred]
        self.input_widths = dict.fromkeys(self.gates, hidden_size)
        self.recurrent_widths = dict.fromkeys(eager, hidden_size)

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(*shape, device=device, dtype=dtype))

        rows_ih, rows_hh = len(self.gates) * hidden_size, len(self.recurrent_gates) * hidden_size
        self.weight_ih = parameter(rows_ih, input_size)
        self.register_parameter("weight_hh", parameter(rows_hh, self.output_size) if rows_hh else None)
        self.register_parameter("bias_ih", parameter(rows_ih) if bias else None)
        self.register_parameter("bias_hh", parameter(rows_hh) if bias and rows_hh else None)
        for name in self.vectors:
            self.register_parameter(name, parameter(hidden_size))
        self.add_parameters(parameter)
        self.reset_parameters()

    @property
    def like(self) -> Tensor:
        """A parameter, for its dtype and device."""
        return self.weight_ih

    @property
    def recurrent_gates(self) -> tuple[str, ...]:
        """The gates that have a recurrent projection."""
        return self.gates if self.recurrent is None else self.recurrent

    def _state_sizes(self) -> dict[str, int]:
        return dict.fromkeys(self.states, self.hidden_size)

    def add_parameters(self, parameter: Any) -> None:
        """Registers what the declarations cannot say; `parameter(*shape)` makes one."""

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draws the parameters anew from torch's random generator."""
        glorot = sqrt(6.0 / (self.input_size + self.hidden_size))
        nn.init.uniform_(self.weight_ih, -glorot, glorot)
        if self.weight_hh is not None:
            for block in torch.split(self.weight_hh, self.hidden_size):
                orthogonal_(block)
        for bias in (self.bias_ih, self.bias_hh):
            if bias is not None:
                nn.init.zeros_(bias)
        if self.bias_ih is not None and "forget" in self.gates:
            split(self.bias_ih, self.input_widths).forget.fill_(self.forget_bias)
        for name in self.vectors:
            nn.init.uniform_(getattr(self, name), -1 / sqrt(self.hidden_size), 1 / sqrt(self.hidden_size))

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step.

        Args:
            x: the input projection by gate; `x.<gate>` is `W x + b`, (batch, hidden_size).
            r: the recurrent projection by gate; `r.<gate>` is `R h + b_r`, (batch, hidden_size), h being the
                first state. For a deferred gate it is a function of the vector to project.
            state: the states by name, each (batch, units).

        Returns:
            The next state: `State(name=...)` with every declared name.
        """
        raise NotImplementedError

    def project_inputs(self, inputs: Tensor) -> Tensor:
        """`W x + b` for any number of steps at once: (..., input_size) -> (..., gates * hidden_size)."""
        return F.linear(inputs, self.weight_ih, self.bias_ih)

    def advance(self, projected: Tensor, state: Any, source: Tensor | None = None) -> Any:
        """One step from an already projected input (batch, gates * hidden_size) to the next state."""
        return self.step(*self.parts(projected, state, source), state)

    def parts(self, projected: Tensor, state: Any, source: Tensor | None = None) -> tuple[Any, Any]:
        """What `step` is called with beside the state: the input and the recurrent projection by gate."""
        return split(projected, self.input_widths), self._recurrent(state[0] if source is None else source)

    def _recurrent(self, source: Tensor) -> Any:
        weight, bias, units = self.weight_hh, self.bias_hh, self.hidden_size
        if weight is None:
            return State()

        def rows(first: int, count: int, v: Tensor) -> Tensor:
            if count == len(self.recurrent_gates):
                return F.linear(v, weight, bias)
            block = (0, first * units, count * units)
            return F.linear(v, weight.narrow(*block), None if bias is None else bias.narrow(*block))

        eager = len(self.recurrent_widths)
        now = split(rows(0, eager, source), self.recurrent_widths) if eager else State()
        late = {gate: partial(rows, eager + i, 1) for i, gate in enumerate(self.deferred)}
        return State(**now._asdict(), **late)  # type: ignore[arg-type]

    def initial_state(
        self, batch_size: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Any:
        """The state before the first step: zeros, but for the states named in `initial`.

        Args:
            batch_size: rows.
            dtype, device: those of the parameters unless given.

        Returns:
            A state of tensors (batch_size, units).
        """
        like = self.weight_ih
        made = [
            like.new_full((batch_size, size), float(self.initial.get(name, 0.0)), dtype=dtype, device=device)
            for name, size in self.state_sizes.items()
        ]
        return tuple_type(self.states)(*made)

    def extra_repr(self) -> str:
        """Sizes and options, for printing."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


def orthogonal_(weight: Tensor) -> None:
    """Fills a matrix with an orthogonal one, in any precision (LAPACK knows two)."""
    if not weight.is_meta:
        weight.copy_(nn.init.orthogonal_(torch.empty(weight.shape, device=weight.device, dtype=torch.float32)))
