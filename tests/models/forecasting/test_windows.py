"""Windows are those of each series alone; scaling is undone by its own inverse."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled.data import read_series
from unrolled.models.forecasting.scaling import scale_windows
from unrolled.models.forecasting.windows import Choice, Windows, training_cutoffs


@given(
    lengths=st.lists(st.integers(1, 15), min_size=1, max_size=5),
    window=st.integers(1, 8),
    horizon=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_a_window_is_the_series_around_its_cutoff(lengths, window, horizon, seed) -> None:
    random = np.random.default_rng(seed)
    series = [random.normal(size=(n, 2)) for n in lengths]
    future = [random.normal(size=(n + 2, 1)) for n in lengths]
    data = read_series(series, future=future, past=series)
    windows = Windows(data, window, horizon, calendar=False)
    numbers = torch.from_numpy(random.integers(0, len(lengths), 9))
    cutoffs = torch.tensor([int(random.integers(0, lengths[i] + 1)) for i in numbers])
    batch = windows.gather(numbers, cutoffs)
    edge = max(window, horizon)
    for row, (i, cutoff) in enumerate(zip(numbers.tolist(), cutoffs.tolist(), strict=True)):
        whole = np.pad(series[i], ((edge, edge), (0, 0)), constant_values=np.nan)
        at = cutoff + edge
        assert np.array_equal(batch.values[row], whole[at - window : at], equal_nan=True)
        assert np.array_equal(batch.actual[row], whole[at : at + horizon], equal_nan=True)
        assert np.array_equal(batch.past[row], whole[at - window : at].astype(np.float32), equal_nan=True)
        known = np.pad(future[i], ((edge, edge), (0, 0)), constant_values=np.nan).astype(np.float32)
        assert np.array_equal(batch.future[row], known[at - window : at + horizon], equal_nan=True)


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    window=st.integers(1, 9),
    horizon=st.integers(1, 6),
    held=st.integers(0, 5),
)
def test_training_never_sees_what_is_held_back(lengths, window, horizon, held) -> None:
    counts = np.array(lengths)
    first, last = training_cutoffs(counts, window, horizon, np.minimum(held, counts))
    choice = Choice(first, last)
    series, cutoffs = choice.find(torch.arange(len(choice)))
    usable = counts[series.numpy()] - np.minimum(held, counts)[series.numpy()]
    assert (cutoffs.numpy() >= 1).all()
    assert (cutoffs.numpy() < usable).all()
    enough = usable > horizon
    assert (cutoffs.numpy() + horizon <= usable)[enough].all()
    assert len({*zip(series.tolist(), cutoffs.tolist(), strict=True)}) == len(choice)


def test_draws_are_each_window_once_until_all_are_drawn() -> None:
    choice = Choice(np.array([1, 1]), np.array([3, 2]))
    generator = torch.Generator().manual_seed(0)
    assert sorted(choice.draw(5, generator).tolist()) == [0, 1, 2, 3, 4]
    assert np.bincount(choice.draw(12, generator)).min() >= 2
    assert len(set(choice.draw(3, generator).tolist())) == 3


@given(
    seed=st.integers(0, 999),
    gaps=st.floats(0, 0.8),
    scaling=st.sampled_from(["window", "level", "series", "global", None]),
    lag=st.integers(0, 5),
    log=st.booleans(),
)
def test_scaling_is_undone(seed, gaps, scaling, lag, log) -> None:
    random = np.random.default_rng(seed)
    windows = torch.from_numpy(np.exp(random.normal(3, 1, (4, 9, 2))))
    windows[torch.from_numpy(random.random((4, 9, 2)) < gaps)] = float("nan")
    actual = torch.from_numpy(np.exp(random.normal(3, 1, (4, 3, 2))))
    given_scale = torch.tensor([[2.0, 1.0], [3.0, 0.5]], dtype=torch.float64).expand(4, 2, 2)
    scaled, scale = scale_windows(
        windows, 3, scaling=scaling, lag=lag, log=log, counts=False, given=given_scale, recent=3
    )
    assert torch.equal(scaled.isnan(), windows.isnan())
    assert scale.values(scale.scaled(actual)).numpy() == pytest.approx(actual.numpy(), rel=1e-4)
    many = scale.scaled(actual).unsqueeze(-1).expand(-1, -1, -1, 2)
    assert scale.values(many)[..., 1].numpy() == pytest.approx(actual.numpy(), rel=1e-4)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e9])
def test_a_window_scaled_by_itself_has_no_unit(factor: float) -> None:
    windows = torch.from_numpy(np.random.default_rng(0).normal(2, 1, (3, 8, 1)))
    options = {"scaling": "window", "lag": 4, "log": False, "counts": False, "given": None}
    plain, _ = scale_windows(windows, 4, **options)
    blown, _ = scale_windows(factor * windows + 5 * factor, 4, **options)
    assert blown.numpy() == pytest.approx(plain.numpy(), abs=1e-5)


def test_a_difference_goes_on_from_the_last_value_of_each_phase_that_is_there() -> None:
    windows = torch.tensor([1.0, 2, 3, 4, float("nan"), 6]).double().view(1, 6, 1)
    scaled, scale = scale_windows(windows, 5, scaling=None, lag=3, log=False, counts=False, given=None)
    assert scale.values(torch.zeros(1, 5, 1))[0, :, 0].tolist() == [4, 2, 6, 4, 2]
    assert torch.nan_to_num(scaled[0, :, 0], nan=9).tolist() == [-3, 0, -3, 0, 9, 0]
