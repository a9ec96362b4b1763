"""sLSTM (Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", equations 8 to 17, one head).

    i~ = W_i x + R_i h + b        f~ = W_f x + R_f h + b
    z = tanh(W_z x + R_z h + b)   o = sigmoid(W_o x + R_o h + b)
    m(t) = max(log f + m(t-1), i~)                     stabiliser; log f = log sigmoid(f~), or f~
    i = exp(i~ - m(t))            f = exp(log f + m(t-1) - m(t))
    c(t) = f c(t-1) + i z         n(t) = f n(t-1) + i
    h(t) = o c(t) / n(t)

Shapes: x (batch, input_size); h, c, n, m and every gate (batch, hidden_size). Gate order in the parameters: i f z o.
"""

from __future__ import annotations

from typing import Any

from unrolled.cells.cell import Cell
from unrolled.cells.named import State
from unrolled.cells.ops import exp, log_sigmoid, maximum, sigmoid, tanh
from unrolled.checks import one_of

FORGET_GATES = ("sigmoid", "exp")


class SLSTM(Cell):
    """The scalar LSTM with exponential gating.

    Args:
        input_size: features of the input.
        hidden_size: units.
        forget_gate: "sigmoid" or "exp", the activation of the forget gate.
        **options: see `Cell`.

    Raises:
        ValueError: the forget gate is neither.
    """

    states = ("h", "c", "n", "m")
    gates = ("input", "forget", "candidate", "output")
    # Below any logarithm of a gate, so that the first step's stabiliser is its own input gate's.
    initial = {"m": -1e30}  # noqa: RUF012

    def __init__(self, input_size: int, hidden_size: int, *, forget_gate: str = "sigmoid", **options: Any) -> None:
        one_of("forget_gate", forget_gate, FORGET_GATES)
        super().__init__(input_size, hidden_size, **options)
        self.forget_gate = forget_gate

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equations."""
        log_i = x.input + r.input
        log_f = x.forget + r.forget
        if self.forget_gate == "sigmoid":
            log_f = log_sigmoid(log_f)
        z = tanh(x.candidate + r.candidate)
        o = sigmoid(x.output + r.output)
        m = maximum(log_f + state.m, log_i)
        i = exp(log_i - m)
        f = exp(log_f + state.m - m)
        c = f * state.c + i * z
        n = f * state.n + i
        return State(h=o * c / n, c=c, n=n, m=m)
