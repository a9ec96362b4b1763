"""Keras's recurrent layers with our parameters, on its jax back end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from unrolled.cells import Cell

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import keras


def layer(
    kind: str, options: dict[str, Any], cell: Cell, inputs: Tensor, weights: Tensor
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Forward pass, and gradients of all parameters, with the cell's parameters.

    Args: those of `jax_peer.scan`.
    """
    made = _layer(kind, options, cell)
    x, w = jnp.asarray(inputs.numpy()), jnp.asarray(weights.numpy())
    made.build(x.shape)
    made.set_weights(_weights(kind, cell))
    trainable, fixed = [v.value for v in made.trainable_variables], [v.value for v in made.non_trainable_variables]
    forward = jax.jit(lambda p, x: made.stateless_call(p, fixed, x)[0])
    gradients = jax.jit(jax.grad(lambda p, x: (made.stateless_call(p, fixed, x)[0] * w).sum()))
    return lambda: forward(trainable, x).block_until_ready(), lambda: jax.block_until_ready(gradients(trainable, x))


def _layer(kind: str, options: dict[str, Any], cell: Cell) -> Any:
    if kind == "RNN":
        activation = options.get("nonlinearity", "tanh")
        return keras.layers.SimpleRNN(cell.hidden_size, activation=activation, return_sequences=True)
    if kind == "GRU":
        return keras.layers.GRU(cell.hidden_size, return_sequences=True, reset_after=True)
    return keras.layers.LSTM(cell.hidden_size, return_sequences=True)


def _weights(kind: str, cell: Cell) -> list[Any]:
    named = {name: value.detach().numpy() for name, value in cell.named_parameters()}
    ih, hh, b_ih, b_hh = (named[name] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    if kind != "GRU":
        # Keras orders the gates of an LSTM as we do, and has one bias.
        return [ih.T, hh.T, b_ih + b_hh]
    # Keras has the update gate first.
    order = np.concatenate([np.arange(cell.hidden_size) + block * cell.hidden_size for block in (1, 0, 2)])
    return [ih[order].T, hh[order].T, np.stack([b_ih[order], b_hh[order]])]
