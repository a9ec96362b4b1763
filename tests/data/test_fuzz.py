"""Damaged data files are read or refused; `python -m reliability --only 9` tries many more."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.data_files import FORMATS, check_read_or_refused, sound
from reliability.fuzzing import SHARES


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files(kind: str, tmp_path: Path) -> None:
    @settings(max_examples=round(200 * SHARES.get(kind, 1.0)), deadline=None)
    @given(seed=st.integers(0, 2**64))
    def check(seed: int) -> None:
        check_read_or_refused(kind, seed, tmp_path)

    check()


@pytest.mark.parametrize("kind", FORMATS)
def test_the_contents_to_start_from_are_valid(kind: str, tmp_path: Path) -> None:
    name, reader, _ = FORMATS[kind]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    for content in sound(kind):
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        assert reader(path) is not None
