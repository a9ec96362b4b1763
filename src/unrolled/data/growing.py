"""Sequences and labels while they are read.

A file of a few megabytes can hold millions of sequences, and an object for each of them would be a hundred times its
text; so values are collected in one flat buffer, and made arrays at the end.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from unrolled.data.errors import DataError
from unrolled.data.sequences import Floats

# NumPy gives every string the width of the longest: no more than this, or this many times the text itself.
LABEL_BYTES = 64 * 2**20
LABEL_RATIO = 32


def split_rows(rows: Floats, lengths: NDArray[np.int64]) -> Floats | list[Floats]:
    """Cuts rows into sequences.

    Args:
        rows: (steps, features), all steps of all sequences, one after the other.
        lengths: (sequences,), steps of each.

    Returns:
        An array (sequences, time, features) if all lengths are equal, else a list of views (time_i, features).
    """
    if (lengths == lengths[0]).all():
        return rows.reshape(len(lengths), -1, rows.shape[1])
    return [rows[start:end] for start, end in pairwise([0, *lengths.cumsum().tolist()])]


def label_array(labels: list[str], place: str) -> NDArray[np.str_]:
    """Labels (sequences,) as a NumPy array of strings.

    Raises:
        DataError: one label is so much longer than the others that the array would be huge.
    """
    longest = max(map(len, labels))
    size = 4 * longest * len(labels)
    if size > max(LABEL_BYTES, LABEL_RATIO * sum(map(len, labels))):
        raise DataError(f"{place}: expected short labels, found one of {longest} characters among {len(labels)}")
    return np.array(labels)
