"""LSTM with peepholes (Gers, Schraudolph, Schmidhuber 2002, "Learning Precise Timing with LSTM Recurrent Networks").

    i = sigmoid(W_i x + R_i h + p_i c(t-1) + b)
    f = sigmoid(W_f x + R_f h + p_f c(t-1) + b)
    g = tanh(W_g x + R_g h + b)
    c(t) = f c(t-1) + i g
    o = sigmoid(W_o x + R_o h + p_o c(t) + b)
    h(t) = o tanh(c(t))

Shapes: as the LSTM's; the peepholes p are vectors (hidden_size,), one weight a unit.
"""

from __future__ import annotations

from typing import Any

from unrolled.cells.lstm import LSTM
from unrolled.cells.named import State
from unrolled.cells.ops import sigmoid, tanh


class PeepholeLSTM(LSTM):
    """The LSTM whose gates see the cell state: input and forget gates c(t-1), the output gate c(t).

    Args: those of `LSTM`.
    """

    vectors = ("peephole_input", "peephole_forget", "peephole_output")

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equations."""
        i = sigmoid(x.input + r.input + self.peephole_input * state.c)
        f = sigmoid(x.forget + r.forget + self.peephole_forget * state.c)
        g = tanh(x.candidate + r.candidate)
        c = f * state.c + i * g
        o = sigmoid(x.output + r.output + self.peephole_output * c)
        return State(h=o * tanh(c), c=c)
