"""Search: beam 1 is greedy, a wide beam finds the best there is, scores are the model's own."""

import itertools

import pytest
import torch

from tests.models.translation.conftest import network, sources
from unrolled.models.translation import search
from unrolled.models.translation.network import Batch
from unrolled.models.translation.search import Penalties, _highest, beam_search, sample
from unrolled.models.translation.tokenizer import END, UNKNOWN

NETWORKS = [
    {},
    {"attention": "bahdanau", "num_layers": 2, "cell": "lstm"},
    {"attention": None},
    {"input_feeding": True, "cell": "lstm"},
]
PLAIN = Penalties(length=0.0)


def limits(count: int, most: int = 8) -> torch.Tensor:
    return torch.arange(count) % most + 1


def scored_again(made, tokens: torch.Tensor, length: torch.Tensor, said: list[int]) -> float:
    target = torch.tensor([[*said, END]])
    batch = Batch(tokens[None, : int(length)], length[None], target, torch.tensor([target.shape[1]]))
    return float(made.log_probabilities(batch).detach())


@pytest.mark.parametrize("options", NETWORKS, ids=str)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_beam_1_is_greedy(options: dict, seed: int) -> None:
    made, (tokens, lengths) = network(seed=seed, **options), sources(12)
    greedy = sample(made, tokens, lengths, limits(12))
    beams = beam_search(made, tokens, lengths, limits(12), beam=1, penalties=PLAIN)
    assert [one.tokens for one in greedy] == [one.tokens for (one,) in beams]
    assert [one.attended for one in greedy] == [one.attended for (one,) in beams]
    assert [one.log_probability for one in greedy] == pytest.approx([one.score for (one,) in beams], abs=1e-4)


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_a_wide_beam_finds_every_sentence_in_order(options: dict) -> None:
    vocabulary, longest = 7, 3
    made, (tokens, lengths) = network(vocabulary, **options), sources(2, vocabulary)
    every = [list(said) for n in range(longest + 1) for said in itertools.product(range(4, vocabulary), repeat=n)]
    found = beam_search(made, tokens, lengths, torch.full((2,), longest), beam=len(every), penalties=PLAIN)
    for row in range(2):
        values = [scored_again(made, tokens[row], lengths[row], said) for said in every]
        best = sorted(range(len(every)), key=lambda number: -values[number])
        assert [one.tokens for one in found[row]] == [every[number] for number in best]


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_scores_are_the_models_own(options: dict) -> None:
    made, (tokens, lengths) = network(**options), sources(9)
    for row, own in enumerate(beam_search(made, tokens, lengths, limits(9), beam=4, penalties=Penalties(0.7))):
        assert len(own) == 4
        assert [one.score for one in own] == sorted((one.score for one in own), reverse=True)
        assert len({tuple(one.tokens) for one in own}) == 4
        for one in own:
            again = scored_again(made, tokens[row], lengths[row], one.tokens)
            assert one.log_probability == pytest.approx(again, abs=1e-4)
            assert one.score == pytest.approx(again / ((5 + len(one.tokens) + 1) / 6) ** 0.7, abs=1e-4)


@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_a_batch_equals_each_row_alone_and_limits_hold(options: dict) -> None:
    made, (tokens, lengths) = network(**options), sources(10)
    together = beam_search(made, tokens, lengths, limits(10), beam=3, penalties=PLAIN)
    for row, own in enumerate(together):
        part = slice(row, row + 1)
        alone = beam_search(
            made, tokens[part, : int(lengths[row])], lengths[part], limits(10)[part], beam=3, penalties=PLAIN
        )
        assert [one.tokens for one in own] == [one.tokens for one in alone[0]]
        assert all(len(one.tokens) <= limits(10)[row] for one in own)
        assert all(len(one.attended) in (0, len(one.tokens)) for one in own)


def test_a_longer_sentence_wins_with_a_higher_length_penalty() -> None:
    made, (tokens, lengths) = network(seed=3), sources(30)
    words = [
        sum(len(own[0].tokens) for own in beam_search(made, tokens, lengths, limits(30), beam=6, penalties=penalties))
        for penalties in (Penalties(0.0), Penalties(2.0))
    ]
    assert words[1] > words[0]


def test_coverage_counts_places_without_attention() -> None:
    made, (tokens, lengths) = network(), sources(6)
    found = beam_search(made, tokens, lengths, limits(6), beam=3, penalties=Penalties(0.0, 0.5))
    assert all(one.score <= one.log_probability for own in found for one in own)
    assert any(one.score < one.log_probability - 0.1 for own in found for one in own)


def test_unknown_is_said_only_if_allowed() -> None:
    made, (tokens, lengths) = network(), sources(8)
    with torch.no_grad():
        made.decoder.bias[UNKNOWN] = 50.0
    assert not any(UNKNOWN in one.tokens for one in sample(made, tokens, lengths, limits(8)))
    allowed = sample(made, tokens, lengths, limits(8), unknown=True)
    assert all(set(one.tokens) == {UNKNOWN} for one in allowed)
    assert [len(one.tokens) for one in allowed] == limits(8).tolist()


def test_samples_follow_the_model() -> None:
    made = network(7, spread=1.0)
    (tokens, lengths), count = sources(1, 7), 4000
    said = sample(
        made,
        tokens.expand(count, -1),
        lengths.expand(count),
        torch.full((count,), 2),
        temperature=1.0,
        generator=torch.Generator().manual_seed(0),
    )
    for tokens_said in ([], [4], [5, 6]):
        part = sum(one.tokens == tokens_said for one in said) / count
        # Padding, start and the unknown are never said: what they had is shared out at each step.
        again = [one.log_probability for one in said if one.tokens == tokens_said]
        assert again, tokens_said
        assert again == pytest.approx([scored_again(made, tokens[0], lengths[0], tokens_said)] * len(again), abs=1e-4)
        assert part >= 0.5 * float(torch.tensor(again[0]).exp())


def test_no_rows_give_nothing() -> None:
    made = network()
    tokens, lengths = torch.zeros(0, 3, dtype=torch.int64), torch.zeros(0, dtype=torch.int64)
    assert beam_search(made, tokens, lengths, lengths, beam=2, penalties=PLAIN) == []


def test_long_vocabularies_are_looked_through_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    made, (tokens, lengths) = network(700), sources(9, 700)
    found = beam_search(made, tokens, lengths, limits(9), beam=3, penalties=PLAIN)
    monkeypatch.setattr(search, "BLOCK", 10**6)
    whole = beam_search(made, tokens, lengths, limits(9), beam=3, penalties=PLAIN)
    for row, (own, same) in enumerate(zip(found, whole, strict=True)):
        assert [one.tokens for one in own] == [one.tokens for one in same]
        for one in own:
            again = scored_again(made, tokens[row], lengths[row], one.tokens)
            assert one.log_probability == pytest.approx(again, abs=1e-4)


@pytest.mark.parametrize("length", [3, 63, 64, 400, 448, 1000, 1024, 5000, 5056])
def test_the_highest_are_those_of_topk(length: int) -> None:
    values = torch.randn(12, length, generator=torch.Generator().manual_seed(length))
    values[0, 1:] = float("-inf")
    for count in (1, min(6, length)):
        best, index = _highest(values, count)
        assert torch.equal(best, values.topk(count, -1).values)
        assert torch.equal(values.gather(-1, index), best)
