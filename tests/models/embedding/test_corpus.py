"""The corpus on disk, the windows on it, and the noise."""

from __future__ import annotations

import numpy as np
import pytest

from unrolled.models.embedding import corpus as corpora
from unrolled.models.embedding.corpus import END, Corpus
from unrolled.models.embedding.noise import Noise, log_uniform, unigram
from unrolled.models.embedding.windows import keep_probabilities, windows

SENTENCES = [["b", "a", "b"], ["c", "b", "rare"], [], ["a", "b"]]


opened: list[Corpus] = []


@pytest.fixture(autouse=True)
def _closing():
    yield
    while opened:
        opened.pop().close()


def read(sentences=SENTENCES, **options) -> Corpus:
    opened.append(Corpus.read(sentences, **({"min_count": 2, "max_vocab": None, "unknown": False} | options)))
    return opened[-1]


def test_words_are_numbered_by_frequency() -> None:
    corpus = read()
    assert corpus.vocabulary.words == ["b", "a"]
    assert corpus.vocabulary.counts.tolist() == [4, 2]
    assert corpus.words == 8
    assert corpus.chunk(0).tolist() == [0, 1, 0, END, -2, 0, -2, END, 1, 0, END]


def test_words_left_out_can_be_one_word() -> None:
    corpus = read(unknown=True)
    assert corpus.vocabulary.words == ["b", "a", "<unk>"]
    assert corpus.vocabulary.counts.tolist() == [4, 2, 2]
    assert corpus.chunk(0).tolist() == [0, 1, 0, END, 2, 0, 2, END, 1, 0, END]


def test_the_vocabulary_is_cut() -> None:
    assert read(min_count=1, max_vocab=2).vocabulary.words == ["b", "a"]
    assert read(min_count=1, max_vocab=3, unknown=True).vocabulary.words == ["b", "a", "<unk>"]


def test_chunks_hold_everything_once(monkeypatch) -> None:
    monkeypatch.setattr(corpora, "CHUNK", 5)
    whole = np.concatenate([(corpus := read()).chunk(i) for i in range(read().chunks)])
    assert corpus.chunks > 1
    assert whole.tolist() == [0, 1, 0, END, -2, 0, -2, END, 1, 0, END]
    parts = [read(share=(rank, 2)) for rank in (0, 1)]
    assert [part.vocabulary.words for part in parts] == [["b", "a"]] * 2
    assert sum(part.chunks for part in parts) == corpus.chunks
    assert sum(len(part.chunk(i)) for part in parts for i in range(part.chunks)) == len(whole)


def test_long_sentences_are_cut(monkeypatch) -> None:
    monkeypatch.setattr(corpora, "LONGEST_SENTENCE", 3)
    corpus = read([["a", "b"] * 4])
    assert (corpus.chunk(0) == END).nonzero()[0].tolist() == [3, 7, 10]


def test_the_rarest_words_are_forgotten_when_there_are_too_many(monkeypatch) -> None:
    monkeypatch.setattr(corpora, "MOST_TYPES", 100)
    monkeypatch.setattr(corpora, "CHUNK", 50)
    corpus = read([["x", "y", f"once{i}"] for i in range(500)], min_count=1)
    assert corpus.vocabulary.words[:2] == ["x", "y"]
    assert corpus.vocabulary.counts[:2].tolist() == [500, 500]
    assert len(corpus.vocabulary) < 300


@pytest.mark.parametrize(
    ("sentences", "told"),
    [
        ([], "found none"),
        ([["one"] * 9], "at least two different words"),
        (["plain text"], "expected lists of words"),
        ([7], "expected lists of words, found 7"),
        ([[["nested"]]], "expected lists of words"),
        ([["a", 3, "a", 3]], "expected words as text, found 3"),
    ],
)
def test_no_corpus(sentences, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(sentences)


def test_windows_end_with_their_sentence() -> None:
    chunk = np.array([0, 1, 2, -2, 3, END, END, 4, 5, END], np.int32)
    keep = keep_probabilities(np.full(6, 10), 0)
    found = windows(chunk, keep, 2, np.random.default_rng(0), dynamic=False)
    assert found.words.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.lefts.tolist() == [0, 0, 0, 1, 4, 4]
    assert found.rights.tolist() == [3, 4, 4, 4, 6, 6]
    assert found.pairs == 2 + 3 + 3 + 2 + 1 + 1


def test_dynamic_windows_take_every_width() -> None:
    chunk = np.append(np.zeros(5_000, np.int32), END)
    found = windows(chunk.astype(np.int32), np.ones(3, np.float32), 3, np.random.default_rng(0), dynamic=True)
    widths = (found.rights - found.lefts)[10:-10]
    assert np.bincount(widths)[[3, 5, 7]] / len(widths) == pytest.approx(1 / 3, abs=0.03)


def test_frequent_words_are_thinned_out() -> None:
    keep = keep_probabilities(np.array([900_000, 99_990, 10]), 1e-3)
    ratio = 1e-3 / 0.9
    assert keep.tolist() == pytest.approx([ratio**0.5 + ratio, 0.1**0.5 * 0.1**0.5 + 0.01, 1, 0, 1], abs=2e-2)
    chunk = np.append(np.zeros(100_000, np.int32), END).astype(np.int32)
    found = windows(chunk, keep, 2, np.random.default_rng(0), dynamic=False)
    assert len(found.words) / 100_000 == pytest.approx(keep[0], rel=0.1)


@pytest.mark.parametrize("weights", [unigram(np.array([100, 10, 1, 1])), log_uniform(7), np.array([0.0, 1.0])])
def test_noise_follows_its_weights(weights) -> None:
    drawn = Noise(weights).draw(np.random.default_rng(0), (100_000, 2))
    found = np.bincount(drawn.ravel(), minlength=len(weights)) / drawn.size
    assert found == pytest.approx(weights / weights.sum(), abs=0.005)


def test_log_uniform_is_that_of_the_ranks() -> None:
    found = log_uniform(50_000) / log_uniform(50_000).sum()
    ranks = np.arange(50_000)
    assert found == pytest.approx(np.log((ranks + 2) / (ranks + 1)) / np.log(50_001))
