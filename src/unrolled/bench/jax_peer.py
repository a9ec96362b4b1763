"""The cells of the benchmark in JAX, written out for `jax.lax.scan`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from torch import Tensor

from unrolled.cells import Cell

Step = Callable[[Any, Any, Any], Any]


def scan(
    kind: str, options: dict[str, Any], cell: Cell, inputs: Tensor, weights: Tensor
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Forward pass, and gradients of all parameters, with the cell's parameters.

    Args:
        kind: as `Workload.kind`.
        options: of the layer.
        cell: has the parameters.
        inputs: (batch, time, features).
        weights: (batch, time, units), what the outputs are weighed with.
    """
    parameters = {name: jnp.asarray(value.detach().numpy()) for name, value in cell.named_parameters()}
    x, w = jnp.asarray(inputs.numpy()).swapaxes(0, 1), jnp.asarray(weights.numpy()).swapaxes(0, 1)
    step = _steps(options)[kind]
    states = len(cell.state_sizes)

    def unjitted(p: Any, x: Any) -> Any:
        projected = x @ p["weight_ih"].T
        if kind != "layer-norm-lstm":
            projected = projected + p["bias_ih"]
        start = tuple(jnp.zeros((x.shape[1], cell.hidden_size)) for _ in range(states))

        def body(state: Any, now: Any) -> Any:
            state = step(p, now, state)
            return state, state[0]

        return jax.lax.scan(body, start, projected)[1]

    forward = jax.jit(unjitted)
    gradients = jax.jit(jax.grad(lambda p, x: (forward(p, x) * w).sum()))
    return (
        lambda: forward(parameters, x).swapaxes(0, 1).block_until_ready(),
        lambda: jax.block_until_ready(gradients(parameters, x)),
    )


def _steps(options: dict[str, Any]) -> dict[str, Step]:
    activation = jax.nn.relu if options.get("nonlinearity") == "relu" else jnp.tanh

    def recurrent(p: Any, h: Any) -> Any:
        return h @ p["weight_hh"].T + p["bias_hh"]

    def rnn(p: Any, x: Any, state: Any) -> Any:
        return (activation(x + recurrent(p, state[0])),)

    def gru(p: Any, x: Any, state: Any) -> Any:
        (h,) = state
        (xr, xz, xn), (hr, hz, hn) = jnp.split(x, 3, -1), jnp.split(recurrent(p, h), 3, -1)
        z = sigmoid(xz + hz)
        n = jnp.tanh(xn + sigmoid(xr + hr) * hn)
        return (n + z * (h - n),)

    def lstm(p: Any, x: Any, state: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(x + recurrent(p, h), 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(c), c

    def peephole(p: Any, x: Any, state: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(x + recurrent(p, h), 4, -1)
        i, f = sigmoid(i + p["peephole_input"] * c), sigmoid(f + p["peephole_forget"] * c)
        c = f * c + i * jnp.tanh(g)
        return sigmoid(o + p["peephole_output"] * c) * jnp.tanh(c), c

    def normal(v: Any) -> Any:
        v = v - v.mean(-1, keepdims=True)
        return v / jnp.sqrt((v * v).mean(-1, keepdims=True) + 1e-5)

    def layer_norm(p: Any, x: Any, state: Any) -> Any:
        h, c = state
        a = p["scale_ih"] * normal(x) + p["scale_hh"] * normal(h @ p["weight_hh"].T) + p["bias_ih"]
        i, f, g, o = jnp.split(a, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(p["scale_c"] * normal(c) + p["shift_c"]), c

    def reset_before(p: Any, x: Any, state: Any) -> Any:
        (h,) = state
        (xr, xz, xn), (wr, wz, wn) = jnp.split(x, 3, -1), jnp.split(p["weight_hh"], 3, 0)
        br, bz, bn = jnp.split(p["bias_hh"], 3)
        r, z = sigmoid(xr + h @ wr.T + br), sigmoid(xz + h @ wz.T + bz)
        n = jnp.tanh(xn + (r * h) @ wn.T + bn)
        return (n + z * (h - n),)

    def own(p: Any, x: Any, state: Any) -> Any:
        (h,) = state
        keep, new = jnp.split(x + recurrent(p, h), 2, -1)
        keep = sigmoid(keep)
        return (keep * h + (1 - keep) * jnp.tanh(new),)

    return {
        "RNN": rnn,
        "GRU": gru,
        "LSTM": lstm,
        "peephole-lstm": peephole,
        "layer-norm-lstm": layer_norm,
        "gru-reset-before": reset_before,
        "own": own,
    }
