"""The sampled softmax estimates the normaliser without bias, and is the full one where it draws everything."""

from __future__ import annotations

import pytest
import torch

from unrolled import Translator
from unrolled.nn.sampled_softmax import sampled_softmax_loss
from unrolled.nn.softmax_loss import softmax_loss

from .conftest import SMALL, sentences


def _given(vocabulary: int = 31) -> list[torch.Tensor]:
    torch.manual_seed(0)
    shapes = ((6, 5), (vocabulary, 5), (vocabulary,))
    return [torch.randn(*shape, dtype=torch.double, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_everything_drawn_is_the_full_softmax(smoothing: float) -> None:
    given, targets = _given(), torch.tensor([3, 3, 0, 30, 7, 8])
    ours, theirs = (
        f(*given, targets, *own, smoothing) for f, own in ((sampled_softmax_loss, [31]), (softmax_loss, []))
    )
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, given), torch.autograd.grad(theirs, given))


def test_the_normaliser_is_estimated_without_bias() -> None:
    given, targets = [part.detach() for part in _given()], torch.tensor([3])
    vector = given[0][:1]
    logits = vector @ given[1].T + given[2]
    drawn = [sampled_softmax_loss(vector, *given[1:], targets, 4) for _ in range(4000)]
    estimates = (torch.stack(drawn) + logits[0, 3]).exp()
    error = estimates.std() / len(estimates) ** 0.5
    assert abs(estimates.mean() - logits.exp().sum()) < 4 * error
    assert estimates.std() > 0


def test_what_was_not_drawn_has_no_gradient() -> None:
    given, targets = _given(), torch.tensor([1, 1, 2, 1, 1, 2])
    _, by_weight, by_bias = torch.autograd.grad(sampled_softmax_loss(*given, targets, 3), given)
    assert (by_bias != 0).sum() == 2 + 3
    assert (by_weight.abs().sum(1) != 0).sum() == 2 + 3


def test_a_translator_learns_with_it() -> None:
    model = Translator(**SMALL | {"softmax_samples": 20, "epochs": 6}).fit(*sentences(600))
    losses = [epoch["validation_loss"] for epoch in model.history_]
    # The validation loss is the full softmax's; evenly, 120 tokens would cost 4.8 nats.
    assert losses[-1] < losses[0]
    assert losses[-1] < 2.5


def test_a_count_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"softmax_samples: expected a positive integer or None, found 0"):
        Translator(softmax_samples=0).fit(["a"], ["b"])
