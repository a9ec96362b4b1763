"""The softmax in blocks equals torch's cross-entropy, and so do its gradients."""

import pytest
import torch
import torch.nn.functional as F

from unrolled.nn.softmax_loss import ROWS, softmax_loss


@pytest.mark.parametrize("rows", [1, ROWS, 2 * ROWS + 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_values_and_gradients(rows: int, smoothing: float) -> None:
    torch.manual_seed(0)
    given = [torch.randn(*shape, dtype=torch.double, requires_grad=True) for shape in ((rows, 5), (31, 5), (31,))]
    targets = torch.randint(0, 31, (rows,))
    ours = softmax_loss(*given, targets, smoothing)
    theirs = F.cross_entropy(F.linear(*given), targets, label_smoothing=smoothing)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(3 * ours, given), torch.autograd.grad(3 * theirs, given))
    with torch.no_grad():
        torch.testing.assert_close(softmax_loss(*given, targets, smoothing), theirs)


def test_large_logits_do_not_overflow() -> None:
    given = (torch.tensor([[1.0]]), torch.tensor([[1e4], [0.0]]), torch.zeros(2))
    assert softmax_loss(*given, torch.tensor([1])) == pytest.approx(1e4)
    assert softmax_loss(*given, torch.tensor([0])) == 0
