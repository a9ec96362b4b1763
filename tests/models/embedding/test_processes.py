"""Several processes, as torchrun starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from tests.models.embedding.conftest import topical
from tests.models.embedding.test_word_vectors import right
from unrolled import WordVectors
from unrolled.models.embedding.corpus import Corpus

PROGRAM = """
import sys
import torch
torch.set_num_threads(1)
from tests.models.embedding.conftest import small, topical
small().fit(topical(6_000)).save(sys.argv[1])
"""


def test_two_processes_end_with_the_same_good_vectors(tmp_path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = os.environ | {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    paths = [tmp_path / str(rank) for rank in (0, 1)]
    running = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], env=common | {"RANK": str(rank)})
        for rank, path in enumerate(paths)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    first, second = (WordVectors.load(path) for path in paths)
    assert np.array_equal(first.vectors_.matrix, second.vectors_.matrix)
    assert right(first) > 0.9


def test_a_corpus_too_small_to_share_is_refused() -> None:
    with pytest.raises(ValueError, match="too few for 2 processes"):
        Corpus.read(topical(10), min_count=1, max_vocab=None, unknown=False, share=(1, 2))
