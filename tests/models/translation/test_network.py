"""Encoder and decoder: one step and the whole sequence agree, and padding has no say."""

import pytest
import torch
import torch.nn.functional as F

from tests.models.translation.conftest import batch_of, network
from unrolled import cells
from unrolled.models.translation.network import Batch
from unrolled.models.translation.tokenizer import START

KINDS = [
    {},
    {"attention": "bahdanau"},
    {"attention": None},
    {"attention": None, "bidirectional": False},
    {"input_feeding": True},
    {"num_layers": 2},
    {"num_layers": 3, "input_feeding": True, "tied": False},
    {"num_layers": 2, "attention": None, "cell": "lstm"},
    {"num_layers": 2, "dropout": 0.3, "variational": True},
]


def row(batch: Batch, number: int) -> Batch:
    """One pair alone, without padding."""
    source, target = int(batch.source_lengths[number]), int(batch.target_lengths[number])
    return Batch(
        batch.source[number : number + 1, :source],
        batch.source_lengths[number : number + 1],
        batch.target[number : number + 1, :target],
        batch.target_lengths[number : number + 1],
    )


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_a_padded_batch_equals_each_pair_alone(options: dict) -> None:
    made, batch = network(**options), batch_of(6)
    alone = torch.cat([made.log_probabilities(row(batch, number)) for number in range(6)])
    torch.testing.assert_close(made.log_probabilities(batch), alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_steps_equal_the_whole_sequence(options: dict) -> None:
    made, batch = network(**options), batch_of(4)
    fed = F.pad(batch.target[:, :-1], (1, 0), value=START)
    full = torch.full((4,), fed.shape[1])
    vectors, weights = made.decoder(fed, full, made.start(batch.source, batch.source_lengths))
    state = made.start(batch.source, batch.source_lengths)
    for step in range(fed.shape[1]):
        vector, state, seen = made.decoder.step(fed[:, step], state)
        torch.testing.assert_close(vectors[:, step], vector, atol=1e-5, rtol=1e-5)
        if weights is not None:
            torch.testing.assert_close(weights[:, step], seen, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("cell", sorted(cells.by_name))
def test_every_cell_trains(cell: str) -> None:
    made = network(cell=cell, num_layers=2, dropout=0.2, variational=True).train()
    loss, count = made.loss(batch_of(5), smoothing=0.1, sampled=0.5)
    loss.backward()
    assert count == int(batch_of(5).target_lengths.sum())
    missing = {name for name, value in made.named_parameters() if value.grad is None or not value.grad.isfinite().all()}
    assert not missing


def test_selecting_rows_reorders_everything_that_is_carried() -> None:
    made, batch = network(input_feeding=True, num_layers=2, cell="lstm"), batch_of(4)
    order = torch.tensor([2, 0, 3])
    state = made.start(batch.source, batch.source_lengths)
    token = torch.tensor([5, 6, 7, 8])
    _, state, _ = made.decoder.step(token, state)
    whole, _, _ = made.decoder.step(token, state)
    part, _, _ = made.decoder.step(token[order], state.select(order, order))
    torch.testing.assert_close(part, whole[order])


def test_scheduled_sampling_feeds_what_the_model_says() -> None:
    made, batch = network(), batch_of(5)
    torch.manual_seed(0)
    plain, _ = made.loss(batch)
    mixed, _ = made.loss(batch, sampled=0.9)
    assert float(plain.detach()) != float(mixed.detach())
