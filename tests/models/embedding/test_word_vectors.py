"""WordVectors: it learns, is the same again, stops and goes on, is saved and loaded, and says what is wrong."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tests.models.embedding.conftest import WORDS, small, topical
from unrolled import WordVectors
from unrolled.data.tokenizer import Tokenizer
from unrolled.data.vocabulary import UnknownWordError
from unrolled.models import ModelError
from unrolled.models.embedding import corpus as corpora
from unrolled.models.embedding import presets
from unrolled.training import Callback, Interrupted, NonFiniteLossError


def right(model: WordVectors) -> float:
    """The part of the nearest words that are of the same topic."""
    words = model.vocabulary_.words
    near = [other[:2] == word[:2] for word in words for other, _ in model.most_similar(word, WORDS - 1)]
    return float(np.mean(near))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"architecture": "cbow"},
        {"loss": "nce", "negative": 8, "lr": 0.1},
        {"subwords": (3, 4), "buckets": 500},
        {"architecture": "cbow", "subwords": (2, 3), "buckets": 500},
        {"dynamic_window": False, "shared_by": 4},
        {"workers": 2},
    ],
    ids=str,
)
def test_it_learns(options: dict) -> None:
    model = small(**options).fit(topical())
    assert right(model) > 0.9
    losses = [entry["loss"] for entry in model.history_]
    assert len(losses) == 8
    assert losses[-1] < losses[0]


def test_what_it_learned_is_there(trained) -> None:
    assert len(trained.vectors_) == len(trained.vocabulary_) == 48
    assert trained.vectors_.matrix.shape == (48, 20)
    assert trained.vectors_["t1w1"].shape == (20,)
    assert "t1w1" in trained.vectors_
    assert trained.similarity("t0w1", "t0w2") > trained.similarity("t0w1", "t1w2") + 0.05
    assert [epoch["epoch"] for epoch in trained.history_] == list(range(1, 9))
    assert trained.loss_curve_[-1][0] == pytest.approx(8 * 20_000, rel=0.01)


def test_the_same_seed_gives_the_same_vectors() -> None:
    a, b, c = (small(epochs=2, random_state=seed).fit(topical(300)) for seed in (1, 1, 2))
    assert np.array_equal(a.vectors_.matrix, b.vectors_.matrix)
    assert not np.array_equal(a.vectors_.matrix, c.vectors_.matrix)


def test_a_corpus_may_be_read_once_only_or_be_a_file(tmp_path) -> None:
    sentences = topical(300)
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(" ".join(words) for words in sentences))
    a, b, c = (small(epochs=1).fit(corpus) for corpus in (sentences, iter(sentences), str(path)))
    assert np.array_equal(a.vectors_.matrix, b.vectors_.matrix)
    assert np.array_equal(a.vectors_.matrix, c.vectors_.matrix)


def test_the_tokenizer_is_used(tmp_path) -> None:
    (tmp_path / "t.txt").write_text("see 12 and 13 or 14 at http://a.b and see www.c.d and " * 20)
    model = small(tokenizer=Tokenizer(numbers=True, urls=True), epochs=1).fit(tmp_path / "t.txt")
    assert set(model.vocabulary_) == {"see", "<number>", "and", "or", "at", "<url>"}


def test_unknown_words(trained) -> None:
    with pytest.raises(UnknownWordError, match="'t1w77' is not in the vocabulary of 48 words; did you mean 't1w7'"):
        trained.most_similar("t1w77")
    with pytest.raises(ValueError, match="nothing is spelt like it"):
        trained.similarity("t1w1", "xylophone")
    assert trained.most_similar("T1W1") == trained.most_similar("t1w1")


def test_subwords_give_unknown_words_vectors(tmp_path) -> None:
    model = small(subwords=(2, 4), buckets=2_000).fit(topical())
    near = [word for word, _ in model.most_similar("t2w999", 10)]
    assert sum(word.startswith("t2") for word in near) >= 8
    model.save(tmp_path / "m")
    again = WordVectors.load(tmp_path / "m")
    assert np.array_equal(again.vectors_["t2w999"], model.vectors_["t2w999"])


class StopAfter(Callback):
    def __init__(self, steps: int) -> None:
        self.left = steps

    def on_step(self, module, progress) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("steps", [1, 7, 13])
def test_stopped_and_resumed_is_as_if_never_stopped(tmp_path, monkeypatch, steps: int) -> None:
    monkeypatch.setattr(corpora, "CHUNK", 500)
    sentences = topical(300)
    whole = small(epochs=3).fit(sentences)
    stopped = small(epochs=3, callbacks=[StopAfter(steps)])
    with pytest.raises(Interrupted):
        stopped.fit(sentences, checkpoints=tmp_path / "c")
    assert len(stopped.most_similar("t0w1", 3)) == 3
    assert not np.array_equal(stopped.vectors_.matrix, whole.vectors_.matrix)
    resumed = small(epochs=3).fit(sentences, checkpoints=tmp_path / "c", resume=True)
    assert np.array_equal(resumed.vectors_.matrix, whole.vectors_.matrix)


def test_stopped_without_checkpoints_leaves_a_usable_model(monkeypatch) -> None:
    monkeypatch.setattr(corpora, "CHUNK", 500)
    model = small(callbacks=[StopAfter(3)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(topical(300))
    assert np.isfinite(model.vectors_.matrix).all()


def test_saved_and_loaded_it_is_the_same(trained, tmp_path) -> None:
    trained.save(tmp_path / "m")
    again = WordVectors.load(tmp_path / "m")
    assert np.array_equal(again.vectors_.matrix, trained.vectors_.matrix)
    assert again.vocabulary_.words == trained.vocabulary_.words
    assert again.history_ == trained.history_
    assert again.most_similar("t0w0") == trained.most_similar("t0w0")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "config.json",
        "model.safetensors",
        "vocabulary.json",
    ]


def test_a_damaged_model_is_refused(trained, tmp_path) -> None:
    trained.save(tmp_path / "m")
    for name in ("vocabulary.json", "model.safetensors", "config.json"):
        path = tmp_path / "m" / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ModelError, match=name):
            WordVectors.load(tmp_path / "m")
        path.write_bytes(whole)
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config["parameters"]["dim"] = 7
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="expected float32 of 7"):
        WordVectors.load(tmp_path / "m")


def test_scikit_learn_conventions() -> None:
    model = WordVectors(dim=7, window=2)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.most_similar("x")


def test_the_preset_is_the_published_one() -> None:
    model = WordVectors(**presets.NCE)
    assert (model.dim, model.window, model.negative, model.loss, model.max_vocab) == (128, 1, 64, "nce", 50_000)
    model.set_params(max_vocab=40, dim=16, epochs=3, lr=0.1, workers=1, random_state=0)
    model.fit(topical())
    assert "<unk>" in model.vocabulary_
    assert model.loss_curve_[0][1] > model.loss_curve_[-1][1]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dim": 0}, "dim"),
        ({"window": 1.5}, "window"),
        ({"negative": True}, "negative"),
        ({"loss": "softmax"}, "loss"),
        ({"architecture": "glove"}, "architecture"),
        ({"noise": "white"}, "noise"),
        ({"subwords": (4, 3)}, "subwords"),
        ({"max_vocab": 1}, "max_vocab"),
        ({"subsample": -1}, "subsample"),
        ({"lr": float("nan")}, "lr"),
        ({"workers": 0}, "workers"),
        ({"unknown": "yes"}, "unknown"),
    ],
)
def test_bad_settings_are_named(options: dict, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}: expected"):
        small(**options).fit([["a", "b"]])


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda model: model.most_similar("t0w0", 0), "k: expected a positive integer"),
        (lambda model: model.most_similar([]), "word: expected"),
        (lambda model: model.analogy("t0w0", "t0w1", "t0w2", method="4cos"), "method: expected"),
        (lambda model: model.map(2), "at least three"),
        (lambda model: model.map("t0w0"), "words: expected"),
        (lambda model: model.export("v.pickle"), "path: expected"),
        (lambda model: model.fit(3), "corpus: expected"),
        (lambda model: small(random_state=None).fit([["a"]], checkpoints="c"), "random_state: expected"),
    ],
)
def test_bad_questions_are_named(trained, call, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        call(trained)


def test_progress_tells_words_a_second_loss_and_learning_rate(capsys, monkeypatch) -> None:
    monkeypatch.setattr(corpora, "CHUNK", 500)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    monkeypatch.setenv("COLUMNS", "160")
    small(epochs=2, verbose=True).fit(topical(500))
    told = capsys.readouterr().err
    for part in ("5,000 words", "epoch 2/2", "loss", "learning rate", "/s", "left"):
        assert part in told


def test_divergence_is_told() -> None:
    with pytest.raises(NonFiniteLossError, match="epoch 1"):
        small(lr=1e30).fit(topical(200))
