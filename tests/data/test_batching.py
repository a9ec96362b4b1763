from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled.data import Ragged, length_batches, pad, padding_fraction, stack

lengths_of = st.lists(st.integers(0, 40), min_size=1, max_size=200)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(lengths_of, st.integers(1, 50), st.one_of(st.none(), st.integers(0, 1000)))
def test_every_index_once(lengths: list[int], batch_size: int, seed: int | None) -> None:
    batches = length_batches(lengths, batch_size, None if seed is None else generator(seed))
    assert sorted(torch.cat(batches).tolist()) == list(range(len(lengths)))
    assert sum(len(batch) != batch_size for batch in batches) <= 1
    assert all(0 < len(batch) <= batch_size for batch in batches)


@given(lengths_of, st.integers(1, 50), st.integers(0, 1000))
def test_drop_last_leaves_out_the_small_batch_alone(lengths: list[int], batch_size: int, seed: int) -> None:
    batches = length_batches(lengths, batch_size, generator(seed), drop_last=True)
    assert all(len(batch) == batch_size for batch in batches)
    assert len(batches) == len(lengths) // batch_size


@given(lengths_of, st.integers(1, 50), st.integers(0, 1000))
def test_the_generator_determines_the_batches(lengths: list[int], batch_size: int, seed: int) -> None:
    first = length_batches(torch.tensor(lengths), batch_size, generator(seed))
    second = length_batches(np.array(lengths), batch_size, generator(seed))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in second]


def test_equal_lengths_are_a_plain_shuffle() -> None:
    batches = length_batches([28] * 100, 30, generator(3))
    assert torch.equal(torch.cat(batches), torch.randperm(100, generator=generator(3)))
    assert [len(batch) for batch in batches] == [30, 30, 30, 10]


def test_epochs_differ() -> None:
    epochs = generator()
    lengths = list(range(1, 500))
    first, second = (length_batches(lengths, 16, epochs) for _ in range(2))
    members = [{frozenset(batch.tolist()) for batch in batches} for batches in (first, second)]
    assert len(members[0] & members[1]) < 3


def test_little_padding() -> None:
    lengths = torch.randint(5, 500, (5000,), generator=generator())
    batches = length_batches(lengths, 32, generator(1))
    shuffled = torch.randperm(5000, generator=generator()).split(32)
    assert padding_fraction(lengths, batches) < 0.04
    assert padding_fraction(lengths, shuffled) > 0.4


def test_batches_go_in_random_order_of_length() -> None:
    lengths = torch.arange(1, 1001)
    means = [lengths[batch].float().mean() for batch in length_batches(lengths, 10, generator())]
    correlation = np.corrcoef(means, range(len(means)))[0, 1]
    assert abs(correlation) < 0.4


def test_without_a_generator_from_short_to_long() -> None:
    batches = length_batches([3, 1, 2, 1, 5], 2)
    assert [batch.tolist() for batch in batches] == [[1, 3], [2, 0], [4]]
    assert [batch.tolist() for batch in length_batches([4, 4, 4], 2)] == [[0, 1], [2]]


def test_no_sequences_no_batches() -> None:
    assert length_batches([], 4, generator()) == []
    assert padding_fraction([], []) == 0


@pytest.mark.parametrize("batch_size", [0, -1, 2.0, True, None])
def test_batch_size_must_be_a_positive_integer(batch_size: object) -> None:
    with pytest.raises(ValueError, match=r"^batch_size: expected a positive integer, found"):
        length_batches([1, 2], batch_size)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([1.5], "^lengths: expected integers"),
        ([[1]], "found shape"),
        ([3, -2], "0 or more, found -2 at 1"),
        ([True], "^lengths: expected integers"),
    ],
)
def test_lengths_must_be_counts(lengths: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        length_batches(lengths, 2)  # type: ignore[arg-type]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=20), st.integers(1, 4), st.data())
def test_pad_equals_padding_by_hand(lengths: list[int], features: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, features)).astype(np.float32) for length in lengths]
    indices = data.draw(st.lists(st.integers(0, len(X) - 1), min_size=1, max_size=10))
    inputs, found = pad(stack(X), torch.tensor(indices))
    expected = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(X[i]) for i in indices], batch_first=True)
    assert torch.equal(inputs, expected)
    assert inputs.dtype == torch.float32
    assert found.tolist() == [lengths[i] for i in indices]
    assert found.dtype == torch.int64


def test_an_array_is_taken_from_without_a_copy_of_the_whole() -> None:
    X = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    sequences = stack(X)
    assert isinstance(sequences, torch.Tensor)
    assert sequences.data_ptr() == X.ctypes.data
    inputs, lengths = pad(sequences, torch.tensor([4, 0]))
    assert torch.equal(inputs, torch.from_numpy(X[[4, 0]]))
    assert lengths.tolist() == [4, 4]


def test_read_only_arrays_are_copied() -> None:
    X = np.zeros((2, 3, 1), dtype=np.float32)
    X.setflags(write=False)
    sequences = stack(X)
    assert isinstance(sequences, torch.Tensor)
    sequences += 1
    assert (X == 0).all()


def test_lists_of_one_length_become_a_tensor() -> None:
    assert isinstance(stack([np.zeros((3, 2), dtype=np.float32)] * 4), torch.Tensor)


def test_ragged_lies_in_one_buffer() -> None:
    ragged = stack([np.ones((2, 3), dtype=np.float32), np.ones((5, 3), dtype=np.float32)])
    assert isinstance(ragged, Ragged)
    assert ragged.values.shape == (8, 3)
    assert ragged.offsets.tolist() == [0, 2]
    assert len(ragged) == 2
    moved = ragged.to("meta")
    assert moved.values.device.type == "meta"
    assert moved.lengths.device.type == "cpu"


def test_a_batch_of_no_sequences() -> None:
    ragged = stack([np.ones((2, 3), dtype=np.float32), np.ones((5, 3), dtype=np.float32)])
    inputs, lengths = pad(ragged, torch.empty(0, dtype=torch.int64))
    assert inputs.shape == (0, 0, 3)
    assert lengths.shape == (0,)


@pytest.mark.parametrize("batches", [3, [[0.5]], [[3]], [[]], ["a"]])
def test_batches_must_be_of_indices(batches: Any) -> None:
    with pytest.raises(ValueError, match=r"^batches: expected (tensors of indices|integers)"):
        padding_fraction([3, 1, 2], batches)


@pytest.mark.parametrize("X", [None, [], np.zeros((2, 3)), np.zeros((2, 3, 1)), [np.zeros(3, np.float32)]])
def test_what_cannot_be_stacked(X: Any) -> None:
    with pytest.raises(ValueError, match=r"^X: expected a float32 array"):
        stack(X)


def test_flags_of_numpy_are_flags() -> None:
    assert len(length_batches([1, 2, 3], 2, drop_last=np.True_)) == 1
