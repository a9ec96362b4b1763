"""What is drawn from, against plain computations."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled.models.generation.sampling import Choice

LOGITS = st.lists(st.floats(-8, 8), min_size=1, max_size=12)


def plain(logits: list[float], temperature: float, top_k: int | None, top_p: float | None) -> np.ndarray:
    """Symbol by symbol, the likeliest first."""
    weights = np.exp((np.array(logits) - max(logits)) / temperature)
    probabilities = dict(enumerate(weights / weights.sum()))
    order = sorted(probabilities, key=lambda symbol: -logits[symbol])
    kept = order[:top_k]
    whole = sum(probabilities[symbol] for symbol in kept)
    if top_p is not None:
        chosen, reached = [], 0.0
        for symbol in kept:
            if reached >= top_p:
                break
            chosen.append(symbol)
            reached += probabilities[symbol] / whole
        kept = chosen
    whole = sum(probabilities[symbol] for symbol in kept)
    return np.array([probabilities[s] / whole if s in kept else 0.0 for s in range(len(logits))])


@given(
    logits=LOGITS,
    temperature=st.floats(0.1, 5),
    top_k=st.none() | st.integers(1, 15),
    top_p=st.none() | st.floats(0.05, 0.99),
)
def test_probabilities_are_those_of_a_plain_computation(logits, temperature, top_k, top_p) -> None:
    told = torch.tensor(logits, dtype=torch.float64).log_softmax(0)
    found = Choice(temperature, top_k, top_p).probabilities(told).numpy()
    expected = plain(told.tolist(), temperature, top_k, top_p)
    # Where a sum reaches the limit but for rounding, one symbol more may be kept.
    if (found > 0).sum() == (expected > 0).sum():
        np.testing.assert_allclose(found, expected, atol=1e-9)
    else:
        assert abs((found > 0).sum() - (expected > 0).sum()) == 1
        assert top_p is not None
        assert (
            plain(told.tolist(), temperature, top_k, top_p + 1e-9).tolist()
            != plain(told.tolist(), temperature, top_k, top_p - 1e-9).tolist()
        )


@given(logits=LOGITS)
def test_cold_is_greedy(logits) -> None:
    told = torch.tensor(logits)
    greedy = Choice(0).probabilities(told)
    assert int(greedy.argmax()) == int(told.argmax())
    assert sorted(greedy.tolist())[-1] == 1.0
    cold = Choice(1e-300).probabilities(told)
    assert cold.isfinite().all()
    assert cold.sum() == pytest.approx(1)


def test_what_is_ruled_out_is_never_drawn() -> None:
    told = torch.tensor([0.0, -torch.inf, 1.0])
    for choice in (Choice(), Choice(0), Choice(5.0), Choice(top_p=1.0), Choice(top_k=3)):
        assert choice.probabilities(told)[1] == 0
