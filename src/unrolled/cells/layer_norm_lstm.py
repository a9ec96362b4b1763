"""Layer-normalised LSTM (Ba, Kiros, Hinton 2016, "Layer Normalization", equations 20 to 22).

    (i, f, g, o) = a_x LN(W x) + a_h LN(R h) + b      LN over all 4 * hidden_size numbers
    c(t) = sigmoid(f) c(t-1) + sigmoid(i) tanh(g)
    h(t) = sigmoid(o) tanh(a_c LN(c(t)) + b_c)        LN over hidden_size numbers

LN(v) = (v - mean) / sqrt(variance + 1e-5). The biases of the paper's first two LN are one with b, `bias_ih`.

Shapes: as the LSTM's; a_x, a_h `scale_ih`, `scale_hh` (4 * hidden_size,); a_c, b_c `scale_c`, `shift_c` (hidden_size,).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.cells.lstm import LSTM
from unrolled.cells.named import State, split
from unrolled.cells.ops import layer_norm, sigmoid, tanh


class LayerNormLSTM(LSTM):
    """The LSTM with normalised projections and cell state.

    Args: those of `LSTM`. There is one bias (`bias_ih`); `bias_hh` is None.
    """

    vectors = ("scale_c", "shift_c")
    scale_ih: Tensor
    scale_hh: Tensor
    scale_c: Tensor
    shift_c: Tensor

    def add_parameters(self, parameter: Any) -> None:
        """Registers the gains; one bias serves both projections."""
        self.bias_hh = None
        self.scale_ih = parameter(len(self.gates) * self.hidden_size)
        self.scale_hh = parameter(len(self.gates) * self.hidden_size)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draws the parameters anew; gains start from 1, shifts from 0."""
        super().reset_parameters()
        for gain in (self.scale_ih, self.scale_hh, self.scale_c):
            nn.init.ones_(gain)
        nn.init.zeros_(self.shift_c)

    def project_inputs(self, inputs: Tensor) -> Tensor:
        """`W x`, without the bias, which comes after the normalisation."""
        return F.linear(inputs, self.weight_ih)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equations."""
        scale_x, scale_r = split(self.scale_ih, self.input_widths), split(self.scale_hh, self.input_widths)
        parts = zip(scale_x, layer_norm(*x), scale_r, layer_norm(*r), strict=True)
        i, f, g, o = (a * v + b * w for a, v, b, w in parts)
        if self.bias_ih is not None:
            shift = split(self.bias_ih, self.input_widths)
            i, f, g, o = i + shift.input, f + shift.forget, g + shift.candidate, o + shift.output
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        (normal_c,) = layer_norm(c)
        return State(h=sigmoid(o) * tanh(self.scale_c * normal_c + self.shift_c), c=c)
