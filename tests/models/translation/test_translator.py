"""Translator: it learns, keeps what it learned, and says what is wrong with its input."""

import json
import shutil

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from tests.models.translation.conftest import SMALL, sentences
from unrolled import Translator
from unrolled.cells import Cell, State, tanh
from unrolled.models import ModelError
from unrolled.training import Callback

SOURCE, TARGET = sentences(60, seed=5)
QUICK = SMALL | {"hidden_size": 8, "embedding_size": 6, "epochs": 2}


def quick(**options: object) -> Translator:
    return Translator(**(QUICK | options))


def parameters(model: Translator) -> dict:
    return model.network_.state_dict()


def alike(a: Translator, b: Translator) -> bool:
    return all(torch.equal(value, parameters(b)[name]) for name, value in parameters(a).items())


def test_it_learns_to_reverse_and_capitalise(translator: Translator) -> None:
    source, target = sentences(50, seed=9)
    reached = translator.score(source, target)
    assert reached.bleu > 90
    assert reached.sentences == 50
    assert "tok:13a" in reached.bleu_signature
    assert translator.history_[-1]["validation_loss"] < translator.history_[0]["validation_loss"]


def test_translations_come_in_order_whatever_their_batch(translator: Translator) -> None:
    source, _ = sentences(40, seed=4)
    together = translator.translate(source)
    assert together == [translator.translate([line])[0] for line in source]
    assert together == [own[0].text for own in translator.candidates(iter(source), chunk=7)]
    assert translator.translate(source, beam=1) == translator.sample(source, temperature=0)


def test_candidates_are_scored_by_the_model_itself(translator: Translator) -> None:
    (found,) = translator.candidates(["red cat runs"], beam=4)
    assert len(found) == 4
    texts = [one.text for one in found]
    again = translator.log_probabilities(["red cat runs"] * 4, texts)
    # A text may be cut into tokens in more ways than one, of which the usual one is scored again.
    assert found[0].log_probability == pytest.approx(again[0], abs=1e-4)
    assert (again <= 0).all()


def test_a_sample_is_drawn_from_its_seed(translator: Translator) -> None:
    source, _ = sentences(20, seed=4)
    a, b, c = (translator.sample(source, temperature=3.0, random_state=seed) for seed in (1, 1, 2))
    assert a == b != c


def test_attention_finds_the_word(translator: Translator) -> None:
    found = translator.attention("big old cat")
    assert found.source == ["big", "old", "cat", "</s>"]
    assert found.target == ["CAT", "OLD", "BIG", "</s>"]
    assert found.weights.shape == (4, 4)
    assert found.weights.sum(1) == pytest.approx(np.ones(4), abs=1e-5)
    assert list(found.weights[:3].argmax(1)) == [2, 1, 0]
    assert translator.attention("big old cat", "BIG").weights.shape == (2, 4)


def test_attention_is_drawn(translator: Translator, tmp_path) -> None:
    found = translator.attention("big old cat")
    found.save(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    for name, told in (("picture.txt", "expected a .png"), ("none/picture.png", "no such folder")):
        with pytest.raises(ValueError, match=told):
            found.save(tmp_path / name)


@pytest.mark.parametrize(
    "line",
    ["", "   ", "\x00\x07", "漢字", "Ünïcode 🙂 кот", "red " * 4000, "r" * 3000, "red\u2028cat\tdog", "$x_1$ %s {}"],
)
def test_whatever_is_asked_ends(translator: Translator, line: str) -> None:
    (told,) = translator.translate([line], beam=2)
    assert isinstance(told, str)
    if not line.strip("\x00\x07 "):
        assert told == ""


def test_a_limit_holds(translator: Translator) -> None:
    (told,) = translator.translate(["red cat runs"], max_length=1)
    assert len(translator.subwords_[1].encode([told])[0]) == 1


def test_unknown_characters_are_copied_if_asked() -> None:
    source, target = sentences(300)
    rare = [chr(0x4E00 + number) for number in range(300)]
    source = [f"{line} {sign}" for line, sign in zip(source, rare, strict=True)]
    target = [f"{sign} {line}" for line, sign in zip(target, rare, strict=True)]
    model = Translator(**(SMALL | {"epochs": 14})).fit(source, target)
    copied = model.translate(["red cat 馬"], copy_unknown=True)
    assert copied[0].startswith("馬")
    assert "<unk>" not in model.translate(["red cat 馬"])[0]


def test_saved_and_loaded_it_is_the_same_bit_for_bit(translator: Translator, tmp_path) -> None:
    translator.save(tmp_path / "m")
    again = Translator.load(tmp_path / "m")
    assert alike(translator, again)
    assert again.get_params()["attention"] == "bahdanau"
    source, target = sentences(20, seed=3)
    assert (again.log_probabilities(source, target) == translator.log_probabilities(source, target)).all()
    assert again.history_ == translator.history_
    names = {path.name for path in (tmp_path / "m").iterdir()}
    assert names == {"config.json", "model.safetensors", "source.tokenizer.json", "target.tokenizer.json"}
    translator.save(tmp_path / "m")


@pytest.mark.parametrize(
    "options",
    [
        {"attention": None, "reverse_source": True, "bidirectional": False},
        {"attention": "luong", "num_layers": 2, "variational": True, "tied": False},
        {"attention": "dot", "hidden_size": 6, "bidirectional": False, "input_feeding": True},
        {"cell": "gru", "subwords": "unigram", "scheduled_sampling": 0.5, "vocabulary_size": 60},
        {"average": 2, "monitor": "bleu", "patience": 1, "epochs": 3},
    ],
    ids=str,
)
def test_every_kind_fits_saves_and_translates(options: dict, tmp_path) -> None:
    model = quick(**options).fit(list(zip(SOURCE, TARGET, strict=True)))
    model.save(tmp_path / "m")
    assert Translator.load(tmp_path / "m").translate(SOURCE[:5], beam=3) == model.translate(SOURCE[:5], beam=3)


def test_the_same_seed_gives_the_same_model() -> None:
    torch.manual_seed(1)
    a = quick().fit(SOURCE, TARGET)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    b = quick().fit(SOURCE, TARGET)
    assert alike(a, b)
    assert torch.equal(state, torch.get_rng_state())
    assert not alike(a, quick(random_state=1).fit(SOURCE, TARGET))


class Stop(Callback):
    """Raises after some steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def on_step(self, module, progress) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path) -> None:
    options = {"epochs": 3, "scheduled_sampling": 0.3, "average": 2, "dropout": 0.2}
    whole = quick(**options).fit(SOURCE, TARGET)
    steps = len(SOURCE) * 6 // SMALL["batch_tokens"] + 1
    with pytest.raises(KeyboardInterrupt):
        quick(**options, callbacks=[Stop(2 * steps)]).fit(SOURCE, TARGET, checkpoints=tmp_path / "c")
    again = quick(**options).fit(SOURCE, TARGET, checkpoints=tmp_path / "c", resume=True)
    assert alike(whole, again)


def test_validation_data_of_ones_own() -> None:
    model = quick(validation_fraction=0.0).fit(SOURCE, TARGET, validation_data=sentences(10, seed=7))
    assert model.history_[0]["validation_perplexity"] > 1
    model = quick().fit(SOURCE, TARGET, validation_data=list(zip(*sentences(10, seed=7), strict=True)))
    assert "validation_loss" in model.history_[0]
    assert "validation_loss" not in quick(validation_fraction=0.0).fit(SOURCE, TARGET).history_[0]


def test_pairs_without_text_or_too_long_are_left_out_and_counted() -> None:
    model = quick(max_length=30).fit([*SOURCE, "", "red", "red " * 99], [*TARGET, "X", " \t", "RED"])
    assert model.dropped_ == 3


@pytest.mark.parametrize(
    "name",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_set_params",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
    ],
)
def test_scikit_learns_own_checks(name: str) -> None:
    assert getattr(estimator_checks, name)("Translator", Translator()) is None


def test_the_argument_and_the_method_called_attention() -> None:
    model = Translator(attention="luong")
    assert model.get_params()["attention"] == "luong"
    assert model.set_params(attention=None).get_params()["attention"] is None
    assert clone(model).get_params()["attention"] is None
    assert "attention=None" in repr(model)
    with pytest.raises(NotFittedError):
        model.attention("red")


@pytest.mark.parametrize(
    ("options", "source", "target", "told"),
    [
        ({}, SOURCE, TARGET[:-1], "target: expected a sentence for each of source, found only 59"),
        ({}, [], [], "source: expected pairs"),
        ({}, ["", " "], ["a", "b"], "source: expected pairs"),
        ({"max_length": 1}, ["red cat dog"] * 5, ["RED CAT DOG"] * 5, "at most 1 tokens"),
        ({}, "/no/such/file", None, "source: no such file"),
        ({"cell": "lstn"}, SOURCE, TARGET, "cell: .*did you mean 'lstm'"),
        ({"attention": "global"}, SOURCE, TARGET, "attention: expected one of bahdanau, luong, dot, or None"),
        ({"attention": "dot"}, SOURCE, TARGET, "memory_size"),
        ({"attention": None, "input_feeding": True}, SOURCE, TARGET, "input_feeding"),
        ({"hidden_size": 0}, SOURCE, TARGET, "hidden_size"),
        ({"num_layers": 1.5}, SOURCE, TARGET, "num_layers"),
        ({"bidirectional": "yes"}, SOURCE, TARGET, "bidirectional"),
        ({"dropout": 1.0}, SOURCE, TARGET, "dropout"),
        ({"vocabulary_size": 4}, SOURCE, TARGET, "vocabulary_size"),
        ({"subwords": "words"}, SOURCE, TARGET, "subwords"),
        ({"monitor": "accuracy"}, SOURCE, TARGET, "monitor"),
        ({"average": 0}, SOURCE, TARGET, "average"),
        ({"lr": -1.0}, SOURCE, TARGET, "lr"),
        ({"device": "gpu7"}, SOURCE, TARGET, "device"),
    ],
)
def test_bad_input_to_fit_is_named(options: dict, source: object, target: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        quick(**options).fit(source, target)


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        (("red",), {}, "sentences: expected a list of sentences, found str"),
        ((["red", 3],), {}, r"sentences\[1\]: expected text, found int"),
        ((["red"],), {"beam": 0}, "beam: expected a positive integer"),
        ((["red"],), {"max_length": 0}, "max_length"),
        ((["red"],), {"length_penalty": -1.0}, "length_penalty"),
        ((["red"],), {"coverage_penalty": float("nan")}, "coverage_penalty"),
    ],
)
def test_bad_input_to_translate_is_named(translator: Translator, arguments: tuple, options: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        translator.translate(*arguments, **options)


def test_other_bad_input_is_named(translator: Translator) -> None:
    with pytest.raises(ValueError, match="n_best: expected at most beam"):
        translator.candidates(["red"], 2, n_best=3)
    with pytest.raises(ValueError, match="chunk"):
        translator.candidates(["red"], chunk=0)
    with pytest.raises(ValueError, match="temperature"):
        translator.sample(["red"], temperature=-1)
    with pytest.raises(ValueError, match="sentence: expected text"):
        translator.attention("")
    with pytest.raises(ValueError, match="empty sentence"):
        translator.log_probabilities([""], ["RED"])
    with pytest.raises(ValueError, match="random_state"):
        quick(random_state=None).fit(SOURCE, TARGET, checkpoints="nowhere")
    with pytest.raises(ValueError, match="attention: expected a translator with attention"):
        quick(attention=None).fit(SOURCE, TARGET).attention("red")
    with pytest.raises(NotFittedError):
        quick().translate(["red"])


class Mine(Cell):
    """A user's cell."""

    states = ("h",)
    gates = ("only",)

    def step(self, x, r, state):
        """One step."""
        return State(h=0.5 * state.h + tanh(x.only + r.only))


def test_a_users_cell_is_saved_by_name_and_loaded_by_class(tmp_path) -> None:
    model = quick(cell=Mine).fit(SOURCE, TARGET)
    model.save(tmp_path / "m")
    with pytest.raises(ModelError, match="pass the class"):
        Translator.load(tmp_path / "m")
    assert alike(Translator.load(tmp_path / "m", cell=Mine), model)


class TestModelFolder:
    @pytest.fixture
    def harmed(self, translator: Translator, tmp_path):
        translator.save(tmp_path / "kept")
        return shutil.copytree(tmp_path / "kept", tmp_path / "m")

    @pytest.mark.parametrize(
        "name", ["config.json", "model.safetensors", "source.tokenizer.json", "target.tokenizer.json"]
    )
    @pytest.mark.parametrize("harm", ["missing", "cut", "empty", "other bytes"])
    def test_a_damaged_file_is_named(self, harmed, name: str, harm: str) -> None:
        file = harmed / name
        content = file.read_bytes()
        if harm == "missing":
            file.unlink()
        else:
            file.write_bytes({"cut": content[:-7], "empty": b"", "other bytes": b"\xff" + content[1:]}[harm])
        with pytest.raises(ModelError, match=name.replace(".", r"\.")):
            Translator.load(harmed)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("kind", "SequenceClassifier"),
            ("parameters", {}),
            ("parameters", {"cell": "lstm", "hidden_size": 10**9}),
            ("parameters", {"cell": "os:system"}),
            ("history", 3),
            ("tokenizer_sha256", None),
            ("tokenizer_sha256", {}),
        ],
    )
    def test_a_config_that_lies_is_refused(self, harmed, key: str, value: object) -> None:
        config = json.loads((harmed / "config.json").read_text())
        (harmed / "config.json").write_text(json.dumps(config | {key: value}))
        with pytest.raises(ModelError):
            Translator.load(harmed)

    def test_tokenizers_of_another_model_are_refused(self, harmed, tmp_path) -> None:
        quick(vocabulary_size=40).fit(SOURCE, TARGET).save(tmp_path / "other")
        shutil.copy(tmp_path / "other" / "source.tokenizer.json", harmed)
        with pytest.raises(ModelError, match="not the one that belongs"):
            Translator.load(harmed)

    def test_a_foreign_folder_is_not_overwritten(self, translator: Translator, tmp_path) -> None:
        (tmp_path / "thesis.txt").write_text("precious")
        with pytest.raises(ModelError, match="thesis"):
            translator.save(tmp_path)
