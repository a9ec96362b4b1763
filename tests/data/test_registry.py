import re

import numpy as np
import pytest
from sklearn.datasets import load_digits

from unrolled.data import DataError, datasets, fetch, load
from unrolled.data.integrity import verify
from unrolled.data.registry import find


def test_names_that_are_nearly_right() -> None:
    with pytest.raises(DataError, match="no data set 'minst'; did you mean mnist"):
        find("minst")
    with pytest.raises(DataError, match="did you mean japanese-vowels"):
        find("Japanese_Vowels")
    with pytest.raises(DataError, match="known are mnist, digits, "):
        find("zzz")


@pytest.mark.parametrize("name", datasets)
def test_every_entry_is_complete(name: str) -> None:
    dataset = find(name)
    assert dataset.name == name
    assert dataset.kind in ("sequences", "series", "text", "translation")
    assert dataset.description
    assert dataset.origin
    assert dataset.licence
    assert dataset.size > 0
    assert len({file.name for file in dataset.files}) == len(dataset.files)
    for file in dataset.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert dataset.embedded or file.urls
        assert all(url.startswith("http") and url.endswith(file.name) for url in file.urls)


@pytest.mark.parametrize("name", [name for name, dataset in datasets.items() if dataset.embedded])
def test_embedded_files_are_what_they_should_be(name: str) -> None:
    folder = fetch(name)
    for file in datasets[name].files:
        verify(folder / file.name, file)
    assert "Licence: " in (folder / "README.md").read_text()


def test_digits_are_those_of_scikit_learn() -> None:
    expected = load_digits()
    for split, rows in (("train", slice(0, 1437)), ("test", slice(1437, None))):
        found = load("digits", split)
        assert np.array_equal(found.X, (expected.images[rows] / 16).astype(np.float32))
        assert np.array_equal(found.y, expected.target[rows])


def test_japanese_vowels_as_published() -> None:
    train, test = load("japanese-vowels", "train"), load("japanese-vowels", "test")
    assert (len(train), len(test)) == (270, 370)
    assert {sequence.shape[1] for sequence in [*train.X, *test.X]} == {12}
    assert (train.lengths.min(), test.lengths.max()) == (7, 29)
    assert train.y is not None
    labels, counts = np.unique(train.y, return_counts=True)
    assert labels.tolist() == [str(speaker) for speaker in range(1, 10)]
    assert set(counts.tolist()) == {30}
    assert np.isclose(train.X[0][0, 0], 1.860936)
