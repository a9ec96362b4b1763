"""Every cell against its paper's equations, written a second time in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import unrolled
from unrolled import cells

H = 5
Array = NDArray[np.float64]


def sigmoid(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def blocks(matrix: Array) -> list[Array]:
    return [matrix[i : i + H] for i in range(0, len(matrix), H)]


def gates(p: dict[str, Array], x: Array, h: Array) -> list[Array]:
    return blocks(p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] @ h + p["bias_hh"])


def rnn(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    return {"h": np.tanh(p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] @ s["h"] + p["bias_hh"])}


def lstm(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    i, f, g, o = gates(p, x, s["h"])
    c = sigmoid(f) * s["c"] + sigmoid(i) * np.tanh(g)
    return {"h": sigmoid(o) * np.tanh(c), "c": c}


def peephole_lstm(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    i, f, g, o = gates(p, x, s["h"])
    c = sigmoid(f + p["peephole_forget"] * s["c"]) * s["c"]
    c = c + sigmoid(i + p["peephole_input"] * s["c"]) * np.tanh(g)
    return {"h": sigmoid(o + p["peephole_output"] * c) * np.tanh(c), "c": c}


def projected_lstm(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    inner = lstm(p, x, s)
    return {"h": p["weight_hr"] @ inner["h"], "c": inner["c"]}


def normal(v: Array) -> Array:
    return (v - v.mean()) / np.sqrt(v.var() + 1e-5)


def layer_norm_lstm(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    whole = p["scale_ih"] * normal(p["weight_ih"] @ x) + p["scale_hh"] * normal(p["weight_hh"] @ s["h"]) + p["bias_ih"]
    i, f, g, o = blocks(whole)
    c = sigmoid(f) * s["c"] + sigmoid(i) * np.tanh(g)
    return {"h": sigmoid(o) * np.tanh(p["scale_c"] * normal(c) + p["shift_c"]), "c": c}


def gru(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    xr, xz, xn = blocks(p["weight_ih"] @ x + p["bias_ih"])
    hr, hz, hn = blocks(p["weight_hh"] @ s["h"] + p["bias_hh"])
    z = sigmoid(xz + hz)
    return {"h": (1 - z) * np.tanh(xn + sigmoid(xr + hr) * hn) + z * s["h"]}


def gru_reset_before(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    xr, xz, xn = blocks(p["weight_ih"] @ x + p["bias_ih"])
    (wr, wz, wn), (br, bz, bn) = blocks(p["weight_hh"]), blocks(p["bias_hh"])
    r, z = sigmoid(xr + wr @ s["h"] + br), sigmoid(xz + wz @ s["h"] + bz)
    return {"h": (1 - z) * np.tanh(xn + wn @ (r * s["h"]) + bn) + z * s["h"]}


def min_gru(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    z, n = blocks(p["weight_ih"] @ x + p["bias_ih"])
    return {"h": (1 - sigmoid(z)) * s["h"] + sigmoid(z) * n}


def min_lstm(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    f, i, g = blocks(p["weight_ih"] @ x + p["bias_ih"])
    f, i = sigmoid(f), sigmoid(i)
    return {"h": f / (f + i) * s["h"] + i / (f + i) * g}


def ind_rnn(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    return {"h": np.maximum(p["weight_ih"] @ x + p["bias_ih"] + p["recurrent_weight"] * s["h"], 0)}


def slstm(p: dict[str, Array], x: Array, s: dict[str, Array]) -> dict[str, Array]:
    # Without the stabiliser: the state is kept in units of exp(m) = 1.
    i, f, z, o = gates(p, x, s["h"])
    scale = np.exp(np.maximum(s["m"], -700))
    c = sigmoid(f) * s["c"] * scale + np.exp(i) * np.tanh(z)
    n = sigmoid(f) * s["n"] * scale + np.exp(i)
    return {"h": sigmoid(o) * c / n, "c": c, "n": n, "m": np.zeros(H)}


EQUATIONS: dict[str, Callable[..., dict[str, Array]]] = {
    "rnn": rnn,
    "lstm": lstm,
    "peephole-lstm": peephole_lstm,
    "projected-lstm": projected_lstm,
    "layer-norm-lstm": layer_norm_lstm,
    "gru": gru,
    "gru-reset-before": gru_reset_before,
    "min-gru": min_gru,
    "min-lstm": min_lstm,
    "ind-rnn": ind_rnn,
    "slstm": slstm,
}


def made(name: str, **options: Any) -> cells.Cell:
    torch.manual_seed(0)
    cell = cells.make(name, 3, H, dtype=torch.float64, **options)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return cell


def test_every_cell_has_its_equations_here() -> None:
    assert set(EQUATIONS) == set(cells.by_name)


@pytest.mark.parametrize("name", EQUATIONS)
def test_the_equations_of_the_paper(name: str) -> None:
    cell = made(name)
    inputs = torch.randn(2, 6, 3, dtype=torch.float64)
    outputs, _ = unrolled.unroll(cell, inputs)
    parameters = {key: value.detach().numpy() for key, value in cell.named_parameters()}
    for row in range(2):
        state = {key: value[row].numpy() for key, value in cell.initial_state(2)._asdict().items()}
        for time in range(6):
            state = EQUATIONS[name](parameters, inputs[row, time].numpy(), state)
            np.testing.assert_allclose(outputs[row, time].detach().numpy(), state["h"], rtol=1e-9, atol=1e-12)


def test_the_stabiliser_keeps_large_gates_finite() -> None:
    cell = made("slstm")
    with torch.no_grad():
        cell.bias_ih[:H] = torch.tensor([800.0, -800.0, 0.0, 300.0, -300.0])
    outputs, state = unrolled.unroll(cell, torch.randn(2, 6, 3, dtype=torch.float64))
    assert outputs.isfinite().all()
    assert state.n.isfinite().all()
    # The output does not depend on a constant in the logarithm of the input gate.
    plain = made("slstm")
    with torch.no_grad():
        plain.bias_ih[:H] = 0.0
    shifted = made("slstm")
    with torch.no_grad():
        shifted.bias_ih[:H] = 500.0
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    torch.testing.assert_close(unrolled.unroll(plain, x)[0], unrolled.unroll(shifted, x)[0])


@pytest.mark.parametrize(
    ("name", "kind"), [("rnn", "RNN"), ("lstm", "LSTM"), ("gru", "GRU"), ("projected-lstm", "LSTM")]
)
def test_torch_nn_gives_the_same(name: str, kind: str) -> None:
    options = {"proj_size": 2} if name == "projected-lstm" else {}
    cell = made(name, **options)
    layer = getattr(torch.nn, kind)(3, H, batch_first=True, dtype=torch.float64, **options)
    layer.load_state_dict({f"{key}_l0": value for key, value in cell.state_dict().items()})
    x = torch.randn(4, 6, 3, dtype=torch.float64)
    torch.testing.assert_close(unrolled.unroll(cell, x, backend="reference")[0], layer(x)[0])
