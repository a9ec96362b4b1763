"""Chunks of tracks: every token is said once, and each chunk goes on where the one before ended."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled.cells import LSTM
from unrolled.models.generation.network import GeneratorNetwork
from unrolled.models.generation.tracks import Tracks

CPU = torch.device("cpu")


@given(count=st.integers(1, 300), truncate=st.integers(1, 40), rows=st.integers(1, 9), seed=st.integers(0, 9))
def test_an_epoch_says_every_token_once(count: int, truncate: int, rows: int, seed: int) -> None:
    tracks = Tracks(np.arange(count), -1, truncate, rows, CPU)
    chunks = tracks.batches(torch.Generator().manual_seed(seed))
    assert [chunk.start for chunk in chunks] == [0, *np.cumsum([chunk.steps for chunk in chunks])[:-1]]
    assert all(1 <= chunk.steps <= truncate for chunk in chunks)
    parts = [tracks.tokens(chunk) for chunk in chunks]
    told = torch.cat([part[1:] for part in parts])
    read = torch.cat([part[:-1] for part in parts])
    assert torch.equal(read + 1, told)
    said = told.flatten().tolist()
    assert len(said) == len(set(said)) > count - tracks.rows
    assert tracks.rows == max(1, min(rows, count // truncate))


def test_chunks_have_the_loss_of_the_whole() -> None:
    torch.manual_seed(0)
    options = {"num_layers": 2, "tied": True, "dropout": 0.0, "variational": False, "weight_dropout": 0.0}
    network = GeneratorNetwork(7, 8, 5, lambda size: LSTM(size, 5), **options)
    values = np.random.default_rng(0).integers(0, 7, 90)
    losses = {}
    for truncate in (1, 4, 7, 30):
        tracks = Tracks(values, 7, 30, 3, CPU)
        tracks.truncate = truncate
        network.prepare_to_carry(tracks.rows)
        each = [tracks.loss(network, chunk) for chunk in tracks.batches(torch.Generator().manual_seed(1))]
        losses[truncate] = sum(float(loss.mean.detach()) * loss.count for loss in each) / sum(
            loss.count for loss in each
        )
    assert max(losses.values()) - min(losses.values()) < 1e-5
