import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unrolled.data import Sequences, check_sequences


def test_an_array_stays_an_array() -> None:
    X = np.arange(24).reshape(2, 4, 3)
    checked, lengths, features = check_sequences(X)
    assert isinstance(checked, np.ndarray)
    assert checked.dtype == np.float32
    assert (checked == X).all()
    assert lengths.tolist() == [4, 4]
    assert lengths.dtype == np.int64
    assert features == 3


def test_float32_is_not_copied() -> None:
    X = np.zeros((2, 3, 1), dtype=np.float32)
    assert np.shares_memory(check_sequences(X)[0], X)


def test_a_list_may_mix_what_it_holds() -> None:
    X = [np.ones((2, 1)), torch.ones(3), [1, 2, 3, 4], torch.ones(5, 1, dtype=torch.bfloat16)]
    checked, lengths, features = check_sequences(X)
    assert isinstance(checked, list)
    assert [sequence.shape for sequence in checked] == [(2, 1), (3, 1), (4, 1), (5, 1)]
    assert all(sequence.dtype == np.float32 for sequence in checked)
    assert lengths.tolist() == [2, 3, 4, 5]
    assert features == 1


def test_tensors_lose_their_graph() -> None:
    X = torch.ones(2, 3, 4, requires_grad=True)
    checked, _, _ = check_sequences(X)
    assert (checked == np.ones((2, 3, 4))).all()


@given(
    hnp.arrays(
        st.sampled_from([np.float64, np.float16, np.int8, np.uint16, np.bool_]),
        hnp.array_shapes(min_dims=3, max_dims=3),
    )
)
def test_numbers_are_kept_or_refused(X: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        expected = X.astype(np.float32)
    if np.isfinite(expected).all():
        assert np.array_equal(check_sequences(X)[0], expected)
        assert all(map(np.array_equal, check_sequences(list(X))[0], expected))
    else:
        with pytest.raises(ValueError, match=r"X\[\d+\] has (NaN|infinity|.*too large)"):
            check_sequences(X)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "X is empty"),
        (np.zeros((0, 2, 3)), "X is empty"),
        (np.zeros((2, 3)), r"found an array of shape \(2, 3\); for one feature, reshape it to \(2, 3, 1\)"),
        (np.zeros((1, 2, 3, 4)), r"found an array of shape \(1, 2, 3, 4\)"),
        (3.0, r"found an array of shape \(\)"),
        ([1.0, 2.0], r"X\[0\] must have the shape \(time, features\) or \(time,\), found \(\)"),
        ([np.zeros((2, 1)), np.zeros((2, 1, 1))], r"X\[1\] must have the shape .* found \(2, 1, 1\)"),
        ([np.zeros((2, 3)), np.zeros((4, 2))], r"X\[1\] has 2 features, but X\[0\] has 3"),
        ([np.zeros((2, 3)), np.zeros((0, 3))], r"X\[1\] has no steps"),
        (np.zeros((2, 0, 3)), r"X\[0\] has no steps"),
        (np.zeros((2, 3, 0)), "X has 0 features"),
        (np.array([[["a"]]]), "X must hold real numbers, found numpy.ndarray of <U1"),
        (np.array([np.zeros(2), np.zeros(3)], dtype=object), "pass sequences of different lengths as a list"),
        (np.zeros((1, 1, 1), dtype=complex), "X must hold real numbers, found numpy.ndarray of complex128"),
        (["text"], r"X\[0\] must hold real numbers, found str of"),
        (None, "X must hold real numbers, found NoneType"),
        ([[1.0, [2.0]]], r"X\[0\] cannot be made an array of numbers"),
        ([np.array(["2020"], dtype="M8[Y]")], r"X\[0\] must hold real numbers"),
        (torch.zeros(2, 3, 1).to_sparse(), "X cannot be made an array of numbers"),
        (np.array([[[1.0], [np.nan]]]), r"X\[0\] has NaN at step 1, feature 0"),
        ([[1.0], [1.0, 2.0, -np.inf]], r"X\[1\] has infinity at step 2, feature 0"),
        ([np.array([[0, 1e300]])], r"X\[0\] has 1e\+300, too large for float32, at step 0, feature 1"),
        (torch.full((1, 1, 1), torch.nan), r"X\[0\] has NaN at step 0, feature 0"),
    ],
)
def test_what_is_wrong_is_said(X: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_sequences(X)


def test_messages_name_the_argument() -> None:
    with pytest.raises(ValueError, match=r"^series\[0\] has NaN"):
        check_sequences([[float("nan")]], name="series")


def test_empty_sequences_where_they_are_allowed() -> None:
    _, lengths, _ = check_sequences([np.zeros((0, 2)), np.ones((3, 2))], allow_empty=True)
    assert lengths.tolist() == [0, 3]


def test_parts_that_do_not_belong_together_are_refused() -> None:
    X = np.zeros((2, 3, 1), dtype=np.float32)
    with pytest.raises(ValueError, match="y has 3 labels, but X has 2 sequences"):
        Sequences(X, np.arange(3))
    with pytest.raises(ValueError, match="ids has 1 names"):
        Sequences(X, ids=("a",))
    with pytest.raises(ValueError, match="features has 2 names, but X has 1 features"):
        Sequences(X, features=("a", "b"))


def test_length_of_sequences() -> None:
    assert Sequences(np.zeros((2, 3, 1), dtype=np.float32)).lengths.tolist() == [3, 3]
    ragged = Sequences([np.zeros((2, 1), dtype=np.float32), np.zeros((5, 1), dtype=np.float32)])
    assert ragged.lengths.tolist() == [2, 5]
    assert len(ragged) == 2
