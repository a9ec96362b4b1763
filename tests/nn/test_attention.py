"""Attention: its equations, and that padding has no say."""

import numpy as np
import pytest
import torch

from unrolled.nn import Attention
from unrolled.nn.attention import KINDS


def made(kind: str, query: int = 5, memory: int = 5, **options: object) -> Attention:
    torch.manual_seed(0)
    return Attention(query, memory, kind=kind, **options).double()


def softmax(scores: np.ndarray) -> np.ndarray:
    parts = np.exp(scores - scores.max())
    return parts / parts.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_the_equations(kind: str) -> None:
    attention = made(kind)
    queries, values = torch.randn(1, 3, 5).double(), torch.randn(1, 4, 5).double()
    contexts, weights = attention(queries, attention.memory(values))
    q, m = queries[0].numpy(), values[0].numpy()
    named = {name: value.detach().numpy() for name, value in attention.named_parameters()}
    for step in range(3):
        if kind == "bahdanau":
            inner = m @ named["key.weight"].T + q[step] @ named["query.weight"].T + named["query.bias"]
            scores = np.tanh(inner) @ named["score.weight"][0]
        else:
            scores = (m @ named["key.weight"].T if kind == "luong" else m) @ q[step]
        wanted = softmax(scores)
        assert weights[0, step].detach().numpy() == pytest.approx(wanted)
        assert contexts[0, step].detach().numpy() == pytest.approx(wanted @ m)


@pytest.mark.parametrize("kind", KINDS)
def test_a_padded_batch_equals_each_row_alone_with_nan_in_the_padding(kind: str) -> None:
    attention = made(kind)
    lengths = torch.tensor([4, 1, 3])
    values, queries = torch.randn(3, 4, 5).double(), torch.randn(3, 2, 5).double()
    values[torch.arange(4) >= lengths[:, None]] = float("nan")
    values.requires_grad_()
    contexts, weights = attention(queries, attention.memory(values, lengths))
    contexts.sum().backward()
    for row, length in enumerate(lengths.tolist()):
        alone, own = attention(queries[row : row + 1], attention.memory(values[row : row + 1, :length]))
        torch.testing.assert_close(contexts[row], alone[0])
        torch.testing.assert_close(weights[row, :, :length], own[0])
        assert (weights[row, :, length:] == 0).all()
        assert (values.grad[row, length:] == 0).all()
    assert all(parameter.grad.isfinite().all() for parameter in attention.parameters())
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2).double())


def test_an_empty_row_has_no_context() -> None:
    attention = made("luong")
    contexts, weights = attention(
        torch.randn(1, 2, 5).double(), attention.memory(torch.ones(1, 3, 5).double(), torch.tensor([0]))
    )
    assert (contexts == 0).all()
    assert (weights == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind: str) -> None:
    attention = made(kind)
    queries = torch.randn(2, 2, 5, dtype=torch.double, requires_grad=True)
    values = torch.randn(2, 3, 5, dtype=torch.double, requires_grad=True)
    lengths = torch.tensor([3, 2])
    assert torch.autograd.gradcheck(lambda q, v: attention(q, attention.memory(v, lengths))[0], (queries, values))


def test_sizes_may_differ() -> None:
    attention = made("bahdanau", 3, 7, units=4)
    contexts, _ = attention(torch.randn(2, 6, 3).double(), attention.memory(torch.randn(2, 5, 7).double()))
    assert contexts.shape == (2, 6, 7)
    assert "bahdanau" in repr(attention)


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        ((5, 5), {"kind": "global"}, "kind: expected one of bahdanau, luong, dot, found 'global'"),
        ((5, 4), {"kind": "dot"}, "memory_size: expected query_size"),
        ((0, 4), {}, "query_size"),
        ((4, 4, 0), {}, "units"),
    ],
)
def test_bad_arguments_are_named(arguments: tuple, options: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Attention(*arguments, **options)
