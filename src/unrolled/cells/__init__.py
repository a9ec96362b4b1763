"""Recurrent cells: what a cell is, the vocabulary of its step, and one file per cell."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any

from unrolled.cells.cell import Cell as Cell
from unrolled.cells.core import Core as Core
from unrolled.cells.core import Recurrence as Recurrence
from unrolled.cells.gru import GRU as GRU
from unrolled.cells.gru_reset_before import GRUResetBefore as GRUResetBefore
from unrolled.cells.ind_rnn import IndRNN as IndRNN
from unrolled.cells.layer_norm_lstm import LayerNormLSTM as LayerNormLSTM
from unrolled.cells.lstm import LSTM as LSTM
from unrolled.cells.min_gru import MinGRU as MinGRU
from unrolled.cells.min_lstm import MinLSTM as MinLSTM
from unrolled.cells.named import State as State
from unrolled.cells.ops import exp as exp
from unrolled.cells.ops import layer_norm as layer_norm
from unrolled.cells.ops import log as log
from unrolled.cells.ops import log_sigmoid as log_sigmoid
from unrolled.cells.ops import maximum as maximum
from unrolled.cells.ops import mean as mean
from unrolled.cells.ops import minimum as minimum
from unrolled.cells.ops import project as project
from unrolled.cells.ops import relu as relu
from unrolled.cells.ops import sigmoid as sigmoid
from unrolled.cells.ops import softplus as softplus
from unrolled.cells.ops import sqrt as sqrt
from unrolled.cells.ops import tanh as tanh
from unrolled.cells.ops import total as total
from unrolled.cells.ops import where as where
from unrolled.cells.peephole_lstm import PeepholeLSTM as PeepholeLSTM
from unrolled.cells.projected_lstm import ProjectedLSTM as ProjectedLSTM
from unrolled.cells.rnn import RNN as RNN
from unrolled.cells.slstm import SLSTM as SLSTM


def _spoken(name: str) -> str:
    """GRUResetBefore -> gru-reset-before."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z]{2})(?=[A-Z][a-z])", "-", name).lower()


by_name: dict[str, type[Cell]] = {
    _spoken(name): value
    for name, value in list(globals().items())
    if isinstance(value, type) and issubclass(value, Cell) and value is not Cell
}
"""Every cell, by the name that models and the command line use."""


def find(name: Any) -> type[Cell]:
    """The class of the cell of this name, a key of `by_name`.

    Raises:
        ValueError: there is no such cell; the message names the nearest.
    """
    if not isinstance(name, str) or name not in by_name:
        near = get_close_matches(str(name), by_name, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"cell: expected one of {', '.join(by_name)}, found {name!r}{hint}")
    return by_name[name]


def make(name: str, input_size: int, hidden_size: int, **options: Any) -> Cell:
    """The cell of this name.

    Args:
        name: a key of `by_name`.
        input_size: features of the input.
        hidden_size: units.
        **options: of the cell.

    Raises:
        ValueError: there is no such cell (the message names the nearest), or an option is not the cell's.
    """
    kind = find(name)
    try:
        return kind(input_size, hidden_size, **options)
    except TypeError as error:
        raise ValueError(f"cell: {kind.__name__} does not take these options: {error}") from error
