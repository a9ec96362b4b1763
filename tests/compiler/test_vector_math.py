"""The compiled functions beside the same ones in higher precision, in units in the last place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special

import unrolled
from unrolled.cells import Cell, State, exp, log, sigmoid, softplus, sqrt, tanh

FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[float, float], float]] = {
    "exp": (exp, np.exp, (-100, 90), 2),
    "log": (log, np.log, (1e-38, 1e30), 2),
    "sqrt": (sqrt, np.sqrt, (0, 1e30), 0.51),
    "sigmoid": (sigmoid, special.expit, (-85, 85), 3),
    "tanh": (tanh, np.tanh, (-20, 20), 3),
    "softplus": (softplus, lambda v: np.logaddexp(0, v), (-80, 80), 4),
}


class Elementwise(Cell):
    """h(t) = f(x(t)): a function seen through a kernel."""

    states = ("h",)
    gates = ("g",)
    recurrent = ()

    def __init__(self, function: str, dtype: torch.dtype) -> None:
        super().__init__(1, 1, bias=False, dtype=dtype)
        self.function = function
        torch.nn.init.ones_(self.weight_ih)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step."""
        return State(h=FUNCTIONS[self.function][0](x.g))


def seen(function: str, values: np.ndarray) -> np.ndarray:
    cell = Elementwise(function, torch.from_numpy(values).dtype)
    with torch.no_grad():
        outputs, _ = unrolled.unroll(cell, torch.from_numpy(values)[:, None, None], backend="cpu")
    return outputs[:, 0, 0].numpy()


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_few_units_in_the_last_place(function: str, dtype: type) -> None:
    _, exact, (low, high), bound = FUNCTIONS[function]
    random = np.random.default_rng(0)
    values = random.uniform(low, high, 20_000)
    small = np.concatenate([10.0 ** random.uniform(-30, 0, 5_000), [0.0, 1e-45, 1.0]])
    values = np.concatenate([values, small, -small if low < 0 else small]).astype(dtype)
    with np.errstate(all="ignore"):
        expected = exact(values.astype(np.longdouble))
        rounded = expected.astype(dtype)
    found = seen(function, values)
    spacing = np.spacing(np.maximum(np.abs(rounded), np.finfo(dtype).tiny))
    finite = np.isfinite(rounded)
    # Below the normal range processors may round to zero.
    error = np.abs(found[finite].astype(np.longdouble) - expected[finite]) / spacing[finite]
    assert error.max() <= bound


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_ends_of_the_range(function: str) -> None:
    values = np.array([np.inf, -np.inf, np.nan, 1e38, -1e38, 0.0], dtype=np.float32)
    with np.errstate(all="ignore"):
        expected = FUNCTIONS[function][1](values)
    np.testing.assert_allclose(seen(function, values), expected, rtol=1e-6, atol=2e-38)
