"""Recurrent layers as torch modules: torch.nn's own by name, any cell in layers, wrappers, and attention."""

from __future__ import annotations

from unrolled.nn.acceleration import accelerate as accelerate
from unrolled.nn.attention import Attention as Attention
from unrolled.nn.drop_in import GRU as GRU
from unrolled.nn.drop_in import LSTM as LSTM
from unrolled.nn.drop_in import RNN as RNN
from unrolled.nn.dropout import Dropout as Dropout
from unrolled.nn.on import On as On
from unrolled.nn.projection import Projection as Projection
from unrolled.nn.recurrent import Recurrent as Recurrent
from unrolled.nn.residual import Residual as Residual
from unrolled.nn.weight_dropout import WeightDropout as WeightDropout
from unrolled.nn.zoneout import Zoneout as Zoneout
