"""Damaged data files are read or refused; `python -m reliability --only 9` tries many more."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reliability.data_files import FORMATS, check_read_or_refused, sound


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**64))
def test_damaged_files(kind: str, tmp_path: Path, seed: int) -> None:
    check_read_or_refused(kind, seed, tmp_path)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_contents_to_start_from_are_valid(kind: str, tmp_path: Path) -> None:
    name, reader, _ = FORMATS[kind]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    for content in sound(kind):
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        assert reader(path) is not None
