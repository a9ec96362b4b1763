"""Likelihoods against SciPy's distributions, and draws against their own quantiles."""

import numpy as np
import pytest
import scipy.stats as stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch.nn.functional import softplus

from unrolled.models.forecasting.likelihoods import LOSSES, SMALLEST, likelihood

LEVELS = (0.05, 0.25, 0.5, 0.9)
UNIT = torch.tensor(1.0)


def parameters(loss: str, count: int = 50) -> torch.Tensor:
    size = likelihood(loss, LEVELS).size
    return torch.randn(count, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def distribution(loss: str, raw: torch.Tensor, spread: float):
    first, *rest = (part.numpy() for part in raw.unbind(-1))
    positive = [softplus(torch.from_numpy(part)).numpy() + SMALLEST for part in rest]
    if loss == "gaussian":
        return stats.norm(first, positive[0])
    if loss == "student-t":
        return stats.t(2 + positive[1], first, positive[0])
    mean = (softplus(raw[:, 0]).numpy() + SMALLEST) * spread
    return stats.nbinom(1 / positive[0], 1 / (1 + positive[0] * mean))


@pytest.mark.parametrize("loss", ["gaussian", "student-t", "negative-binomial"])
def test_against_scipy(loss: str) -> None:
    raw, spread = parameters(loss), 3.0
    unit = torch.full((len(raw),), spread, dtype=torch.float64)
    made, known = likelihood(loss, LEVELS), distribution(loss, raw, spread)
    counts = loss == "negative-binomial"
    values = np.random.default_rng(0).poisson(4, len(raw)) if counts else np.random.default_rng(0).normal(size=len(raw))
    expected = -(known.logpmf(values) if counts else known.logpdf(values))
    scaled = torch.from_numpy(values / spread if counts else values)
    assert made.loss(raw, scaled, unit).numpy() == pytest.approx(expected, rel=1e-9)
    quantiles = made.quantiles(raw, np.array(LEVELS), unit).numpy() * (spread if counts else 1)
    assert quantiles == pytest.approx(np.stack([known.ppf(level) for level in LEVELS], -1), rel=1e-7, abs=1e-9)
    assert made.point(raw, unit).numpy() * (spread if counts else 1) == pytest.approx(
        known.median(), rel=1e-7, abs=1e-9
    )


@given(arrays(np.float64, (7, 4), elements=st.floats(-50, 50)), arrays(np.float64, 7, elements=st.floats(-99, 99)))
def test_quantiles_never_cross_and_cost_what_the_pinball_loss_says(raw, values) -> None:
    made = likelihood("quantile", LEVELS)
    said = made.quantiles(torch.from_numpy(raw), np.array(LEVELS), UNIT).numpy()
    assert (np.diff(said, axis=-1) >= 0).all()
    error = values[:, None] - said
    expected = 2 * np.where(error > 0, np.array(LEVELS) * error, (np.array(LEVELS) - 1) * error).mean(-1)
    assert made.loss(torch.from_numpy(raw), torch.from_numpy(values), UNIT).numpy() == pytest.approx(expected)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in ("mse", "mae")])
def test_draws_fall_below_each_quantile_as_often_as_they_should(loss: str) -> None:
    made = likelihood(loss, LEVELS)
    raw = parameters(loss, 3).repeat_interleave(20_000, 0)
    spread = torch.full((len(raw),), 50.0, dtype=torch.float64)
    drawn = made.sample(raw, spread, torch.Generator().manual_seed(1))
    drawn, quantiles = drawn.unsqueeze(-1), made.quantiles(raw, np.array(LEVELS), spread)
    # A count is often the quantile itself.
    not_above, below = ((part.double().view(3, 20_000, -1).mean(1)) for part in (drawn <= quantiles, drawn < quantiles))
    assert (not_above.numpy() > np.array(LEVELS) - 0.012).all()
    assert (below.numpy() < np.array(LEVELS) + 0.012).all()


def test_one_level_alone_is_all_that_is_drawn() -> None:
    made = likelihood("quantile", (0.5,))
    raw = torch.tensor([[1.5]])
    assert made.sample(raw, UNIT, torch.Generator()) == 1.5
