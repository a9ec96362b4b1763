"""Batches by tokens."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled.data import token_batches

lengths = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=80)


@given(lengths, st.integers(1, 200), st.booleans())
def test_every_index_is_in_one_batch_and_no_batch_is_too_large(pairs: list, tokens: int, shuffled: bool) -> None:
    generator = torch.Generator().manual_seed(1) if shuffled else None
    table = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2)
    batches = token_batches(table, tokens, generator)
    assert sorted(index for batch in batches for index in batch.tolist()) == list(range(len(pairs)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * int(table[batch].max()) <= tokens


def test_batches_are_of_similar_length_and_shuffled() -> None:
    table = torch.randint(1, 50, (2000,), generator=torch.Generator().manual_seed(0))
    batches = token_batches(table, 500, torch.Generator().manual_seed(0))
    padded = sum(len(batch) * int(table[batch].max()) for batch in batches)
    assert int(table.sum()) / padded > 0.9
    means = torch.tensor([table[batch].double().mean() for batch in batches])
    assert not bool((means.diff() >= 0).all())
    again = token_batches(table, 500, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(batches, again, strict=True))


def test_without_a_generator_the_shortest_come_first() -> None:
    batches = token_batches([3, 1, 2, 30], 6)
    assert [batch.tolist() for batch in batches] == [[1, 2], [0], [3]]


@pytest.mark.parametrize("tokens", [0, True, 2.5])
def test_bad_tokens_are_named(tokens: object) -> None:
    with pytest.raises(ValueError, match=r"^tokens: expected a positive integer, found"):
        token_batches([1, 2], tokens)
