"""TextGenerator: it learns, writes, scores, keeps what it learned, and says what is wrong with its input."""

import bz2
import gzip
import json
import math
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tests.models.generation.conftest import TEXT, VERSE, quick
from unrolled import TextGenerator
from unrolled.cells import Cell, State, tanh
from unrolled.models import ModelError
from unrolled.models.generation.sampling import Writer
from unrolled.models.generation.score import log_probabilities
from unrolled.training import Callback, CheckpointError

ANY_TEXT = st.text(max_size=60)


def parameters(model: TextGenerator) -> dict:
    return model.network_.state_dict()


def alike(a: TextGenerator, b: TextGenerator) -> bool:
    return all(torch.equal(value, parameters(b)[name]) for name, value in parameters(a).items())


def test_it_learns_a_verse_by_heart(generator) -> None:
    assert generator.score(VERSE).nats_per_token < 0.5
    assert generator.history_[-1]["validation_loss"] < 0.3 < generator.history_[0]["validation_loss"]
    written = generator.sample("the dog sat on the log.\n", 20, temperature=0)
    assert written == "a cat is not a dog.\n"


def test_scores_are_consistent(generator) -> None:
    text = "the cat is not a log.\n"
    score = generator.score(text)
    each = generator.log_probabilities(text)
    assert score.tokens == score.characters == len(text) == len(each)
    assert score.nats_per_token == pytest.approx(-each.mean())
    assert score.bits_per_character == pytest.approx(score.nats_per_token / math.log(2))
    assert score.perplexity == score.character_perplexity == pytest.approx(math.exp(-each.mean()))
    assert score.unknown == 0
    assert set(score.record()) == {
        *("nats_per_token", "nats_per_character", "bits_per_character", "perplexity"),
        *("character_perplexity", "tokens", "characters", "unknown"),
    }


@given(text=ANY_TEXT.filter(bool), steps=st.integers(1, 70))
def test_a_score_is_the_same_however_it_is_chunked(generator, text: str, steps: int) -> None:
    values = np.concatenate(list(generator.units_.encode([text])))
    each = torch.cat(list(log_probabilities(generator.network_, values, len(generator.units_), steps))).numpy()
    np.testing.assert_allclose(each, generator.log_probabilities(text), atol=2e-5)


def test_a_score_is_that_of_the_reference_over_the_whole_text(generator) -> None:
    values = torch.tensor([len(generator.units_), *generator.units_.encode([VERSE]).__next__().tolist()])
    network = generator.network_
    network.recurrent.backend = "reference"
    try:
        with torch.no_grad():
            outputs, _ = network(values[:-1, None])
    finally:
        network.recurrent.backend = "auto"
    told = torch.log_softmax(outputs[:, 0] @ network.embedding[: network.outputs].T + network.bias, -1)
    expected = told.detach().gather(1, values[1:, None])[:, 0]
    np.testing.assert_allclose(generator.log_probabilities(VERSE), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", ["generator", "subwords"])
def test_what_it_samples_from_is_what_it_scores_by(name, request) -> None:
    model = request.getfixturevalue(name)
    text = "the dog is not\n"
    symbols = np.concatenate(list(model.units_.encode([text]))).tolist()
    writer, told = Writer(model.network_), []
    for read, next_ in zip([len(model.units_), *symbols], symbols, strict=False):
        told.append(float(writer.read(read)[next_]))
    np.testing.assert_allclose(told, model.log_probabilities([text])[: len(told)], atol=1e-5)


def test_a_sample_is_drawn_from_its_seed(generator) -> None:
    a, b, c = (generator.sample("the ", 80, 2.0, random_state=seed) for seed in (1, 1, 2))
    assert a == b != c
    assert len(a) == 80
    assert "".join(generator.stream("the ", 80, 2.0, random_state=1)) == a
    endless = generator.stream("the ", temperature=2.0, random_state=1)
    assert "".join(islice(endless, 30)) == a[:30]
    assert generator.sample(n=0) == ""
    assert generator.sample(n=5, temperature=0) == generator.sample(n=5, top_k=1)


def test_the_callers_random_state_is_left_alone(generator) -> None:
    before = torch.get_rng_state()
    generator.sample("the", 5)
    quick(epochs=1).fit(VERSE)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("prompt", ["", "\x00\x07\x1b", "漢字 Ünï 🙂", "\ud800", "\r\n\t", "x" * 3000, "$x_1$ %s {}"])
@pytest.mark.parametrize("name", ["generator", "subwords"])
def test_it_goes_on_from_anything(name, prompt: str, request) -> None:
    model = request.getfixturevalue(name)
    written = model.sample(prompt, 20, random_state=0)
    assert len(written) <= 20 * 30
    written.encode()
    assert model.score([prompt + "a"]).characters == len(prompt) + 1


def test_unknown_characters_are_counted_and_never_written(generator) -> None:
    score = generator.score("the zebra")
    assert score.unknown == 3
    assert score.nats_per_token > generator.score("the cat").nats_per_token
    rare = quick(min_count=3).fit(VERSE + "qz", VERSE)
    assert "q" not in rare.units_.characters
    assert rare.score("qz").unknown == 2
    assert set(rare.sample(n=300, temperature=5.0, random_state=0)) <= set(VERSE)


def test_documents_end_and_one_text_does_not(generator) -> None:
    names = ["anna", "otto", "hannah", "bob"] * 30
    model = quick(hidden_size=24, epochs=15, lr=1e-2, dropout=0.0).fit(names)
    assert model.ends_
    written = [model.sample(n=50, temperature=0.5, random_state=seed) for seed in range(20)]
    assert all(len(word) < 50 for word in written)
    assert len(set(written) & set(names)) >= 2
    assert model.score(["anna", "bob"]).tokens == 9
    assert model.score(["anna", "bob"]).characters == 7
    assert not generator.ends_
    assert len(generator.sample(n=300, temperature=3.0, random_state=0)) == 300


def test_every_way_to_give_a_corpus(tmp_path) -> None:
    expected = parameters(quick(epochs=1).fit(TEXT))
    for name, packed in (
        ("a.txt", TEXT.encode()),
        ("a.gz", gzip.compress(TEXT.encode())),
        ("a.bz2", bz2.compress(TEXT.encode())),
    ):
        (tmp_path / name).write_bytes(packed)
        found = parameters(quick(epochs=1).fit(tmp_path / name))
        assert all(torch.equal(value, found[key]) for key, value in expected.items())
    documents = [VERSE, tmp_path / "a.gz"]
    assert alike(quick(epochs=1).fit(documents), quick(epochs=1).fit(iter([VERSE, TEXT])))


@pytest.mark.parametrize(
    "options",
    [
        {"cell": "gru", "num_layers": 1, "weight_dropout": 0.3, "dropout": 0.0},
        {"cell": "peephole-lstm", "variational": True, "weight_dropout": 0.3, "average": 2, "epochs": 3},
        {"cell": "projected-lstm", "cell_options": {"proj_size": 5}, "patience": 1},
        {"cell": "layer-norm-lstm", "tied": False, "embedding_size": 6, "variational": True, "num_layers": 1},
        {"cell": "ind-rnn", "optimizer": "sgd", "lr": 0.1},
        {"cell": "min-gru", "validation_fraction": 0.0},
        {"level": "subword", "vocabulary_size": 280, "num_layers": 3},
    ],
    ids=str,
)
def test_every_kind_fits_saves_and_writes(options: dict, tmp_path) -> None:
    model = quick(**options).fit(TEXT)
    model.save(tmp_path / "m")
    again = TextGenerator.load(tmp_path / "m")
    assert alike(model, again)
    assert again.sample("the ", 20, random_state=3) == model.sample("the ", 20, random_state=3)
    assert again.score(VERSE) == model.score(VERSE)
    assert model.score(VERSE).nats_per_character < math.log(30)


def test_saved_and_loaded_it_is_the_same(generator, subwords, tmp_path) -> None:
    for model, file in ((generator, "vocabulary.json"), (subwords, "tokenizer.json")):
        model.save(tmp_path / "m")
        assert {path.name for path in (tmp_path / "m").iterdir()} == {"config.json", "model.safetensors", file}
        again = TextGenerator.load(tmp_path / "m")
        assert alike(model, again)
        assert (again.history_, again.ends_) == (model.history_, model.ends_)
        shutil.rmtree(tmp_path / "m")


def test_a_cell_of_ones_own(tmp_path) -> None:
    class Own(Cell):
        states = ("h",)
        gates = ("new",)

        def step(self, x, r, state):
            return State(h=tanh(x.new + r.new))

    model = quick(cell=Own, epochs=1).fit(VERSE)
    model.save(tmp_path / "m")
    with pytest.raises(ModelError, match="pass the class"):
        TextGenerator.load(tmp_path / "m")
    assert alike(TextGenerator.load(tmp_path / "m", cell=Own), model)


class _StopAt(Callback):
    """Stops as a signal would, after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def on_step(self, module, progress) -> None:
        import os
        import signal

        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("stop", [1, 7, 30])
@pytest.mark.parametrize("options", [{}, {"variational": True, "weight_dropout": 0.2, "average": 2}], ids=str)
def test_a_resumed_run_is_the_same_bit_for_bit(stop: int, options: dict, tmp_path) -> None:
    from unrolled.training import Interrupted

    options = {"dropout": 0.2, "epochs": 3} | options
    whole = quick(**options).fit(TEXT[:1000])
    with pytest.raises(Interrupted):
        quick(**options, callbacks=[_StopAt(stop)]).fit(TEXT[:1000], checkpoints=tmp_path)
    resumed = quick(**options).fit(TEXT[:1000], checkpoints=tmp_path, resume=True)
    assert alike(whole, resumed)
    assert [entry["loss"] for entry in whole.history_] == [entry["loss"] for entry in resumed.history_]
    with pytest.raises(CheckpointError, match="other settings: data"):
        quick(**options).fit(TEXT[:999], checkpoints=tmp_path, resume=True)


@pytest.mark.parametrize("text", ["a", "ab", "abc" * 5, "abcdefgh" * 11])
def test_short_texts_are_learned_from(text: str) -> None:
    model = quick(truncate=50, batch_size=8, epochs=3).fit(text)
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]
    assert len(model.sample(n=10, random_state=0)) == 10


def test_validation_data_of_ones_own() -> None:
    model = quick(epochs=1).fit(VERSE, VERSE[:30])
    assert model.history_[0]["validation_loss"] == pytest.approx(model.score(VERSE[:30]).nats_per_token, abs=1e-6)
    assert "validation_loss" not in quick(epochs=1, validation_fraction=0).fit(VERSE).history_[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hidden_size": 0}, "hidden_size"),
        ({"num_layers": 1.5}, "num_layers"),
        ({"level": "word"}, "level: expected one of char, subword, found 'word'"),
        ({"vocabulary_size": 100}, "vocabulary_size"),
        ({"dropout": 1.0}, "dropout"),
        ({"weight_dropout": -0.1}, "weight_dropout"),
        ({"weight_dropout": 0.1, "cell": "min-gru"}, "recurrent matrices"),
        ({"embedding_size": 5}, "embedding_size: expected 12"),
        ({"tied": 1}, "tied"),
        ({"truncate": 0}, "truncate"),
        ({"validation_fraction": 1}, "validation_fraction"),
        ({"cell": "lstn"}, "did you mean 'lstm'"),
        ({"lr": 0}, "lr"),
        ({"device": "abacus"}, "device"),
        ({"random_state": None, "checkpoints": "x"}, "random_state"),
    ],
    ids=str,
)
def test_bad_arguments_are_named(options: dict, told: str) -> None:
    given = {"checkpoints": options.pop("checkpoints")} if "checkpoints" in options else {}
    with pytest.raises(ValueError, match=told):
        quick(**options).fit(VERSE, **given)


@pytest.mark.parametrize(
    ("corpus", "told"),
    [
        ("", "corpus: expected text, found none"),
        ([], "corpus: expected text, found none"),
        (["", ""], "corpus: expected text, found none"),
        (3, "corpus: expected text, a path"),
        (["a", 3], r"corpus\[1\]: expected text or a path, found int"),
        (Path("/no/such/file"), "/no/such/file"),
        (__file__, "which is a file; pass pathlib.Path"),
    ],
)
def test_a_bad_corpus_is_named(corpus, told: str, generator) -> None:
    for level in ("char", "subword"):
        with pytest.raises(ValueError, match=told):
            quick(level=level).fit(corpus)
    with pytest.raises(ValueError, match=told):
        generator.score(corpus)
    with pytest.raises(ValueError, match=told.replace("corpus", "validation_data")):
        quick().fit(VERSE, corpus)


def test_min_count_may_leave_nothing() -> None:
    with pytest.raises(ValueError, match="occurs 9 times"):
        quick(min_count=9).fit("abc")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"prompt": 3}, "prompt"),
        ({"n": -1}, "n: expected"),
        ({"n": 2.5}, "n: expected"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
    ],
    ids=str,
)
def test_bad_arguments_of_sample_are_named(generator, options: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        generator.sample(**options)
    with pytest.raises(ValueError, match=told):
        generator.stream(**options)


def test_before_it_is_fitted() -> None:
    for call in (lambda m: m.sample(), lambda m: m.stream(), lambda m: m.score("a"), lambda m: m.save("x")):
        with pytest.raises(NotFittedError):
            call(TextGenerator())


def test_it_is_an_estimator(generator) -> None:
    copied = clone(generator)
    assert copied.get_params() == generator.get_params()
    assert not hasattr(copied, "network_")


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "vocabulary.json"])
def test_a_damaged_folder_is_refused(generator, file: str, tmp_path) -> None:
    generator.save(tmp_path / "m")
    (tmp_path / "m" / file).write_bytes(b"{}")
    with pytest.raises(ModelError):
        TextGenerator.load(tmp_path / "m")
    (tmp_path / "m" / file).unlink()
    with pytest.raises(ModelError, match=file):
        TextGenerator.load(tmp_path / "m")


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": {"hidden_size": 10**9}},
        {"parameters": {"hidden_size": 30_000}},
        {"parameters": {"num_layers": 10**6}},
        {"parameters": {"level": "subword"}},
        {"history": 3},
        {"ends": True},
    ],
    ids=str,
)
def test_a_config_that_does_not_fit_is_refused(generator, changes: dict, tmp_path) -> None:
    generator.save(tmp_path / "m")
    path = tmp_path / "m" / "config.json"
    config = json.loads(path.read_text())
    config["parameters"] |= changes.pop("parameters", {})
    path.write_text(json.dumps(config | changes))
    with pytest.raises(ModelError):
        TextGenerator.load(tmp_path / "m")
