import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.data import DataError
from unrolled.data.growing import label_array, split_rows


@given(st.lists(st.integers(1, 9), min_size=1))
def test_rows_are_cut_by_length(lengths: list[int]) -> None:
    rows = np.arange(2 * sum(lengths), dtype=np.float32).reshape(-1, 2)
    found = split_rows(rows, np.array(lengths))
    assert isinstance(found, np.ndarray) == (len(set(lengths)) == 1)
    assert [len(sequence) for sequence in found] == lengths
    assert np.array_equal(np.concatenate(list(found)), rows)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_labels_come_back(labels: list[str]) -> None:
    assert label_array(labels, "a").tolist() == labels


def test_one_label_may_not_make_the_array_huge() -> None:
    with pytest.raises(DataError, match=r"a\.csv: expected short labels, found one of 100000 characters among 100001"):
        label_array(["x" * 100_000] + ["y"] * 100_000, "a.csv")
