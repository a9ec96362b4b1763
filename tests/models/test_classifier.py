"""SequenceClassifier: it learns, keeps scikit-learn's conventions, and says what is wrong with its input."""

import json
import shutil

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils import estimator_checks

from unrolled import SequenceClassifier, cells
from unrolled.cells import Cell, State, tanh
from unrolled.models import ModelError


def waves(count: int = 60, *, ragged: bool = True, seed: int = 0):
    """Slow and fast sine waves, with noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    lengths = random.integers(8, 16, count) if ragged else np.full(count, 12)
    X = [
        np.stack([np.sin((1 + label) * np.arange(n) * 0.7 + random.uniform(0, 6)), random.normal(0, 0.1, n)], 1)
        for label, n in zip(labels, lengths, strict=True)
    ]
    return (X if ragged else np.stack(X)), np.array(["slow", "fast"])[labels]


def small(**options: object) -> SequenceClassifier:
    return SequenceClassifier(**({"hidden_size": 5, "epochs": 2, "batch_size": 16, "random_state": 0} | options))


@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_it_learns(ragged: bool, pooling: str) -> None:
    X, y = waves(160, ragged=ragged)
    model = small(epochs=30, hidden_size=16, lr=0.02, pooling=pooling).fit(X, y)
    X, y = waves(40, ragged=ragged, seed=1)
    assert model.score(X, y) >= 0.9
    assert model.predict_proba(X).sum(1) == pytest.approx(np.ones(40), abs=1e-5)
    assert list(model.classes_) == ["fast", "slow"]
    assert len(model.history_) == 30


@pytest.mark.parametrize("cell", sorted(cells.by_name))
def test_every_cell_works(cell: str, tmp_path) -> None:
    X, y = waves(20)
    model = small(cell=cell, num_layers=2, bidirectional=True, dropout=0.2).fit(X, y)
    model.save(tmp_path / "model")
    again = SequenceClassifier.load(tmp_path / "model")
    assert np.array_equal(model.predict_proba(X), again.predict_proba(X))


def test_the_same_seed_gives_the_same_model() -> None:
    X, y = waves(30)
    torch.manual_seed(1)
    a = small(dropout=0.3).fit(X, y)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    b = small(dropout=0.3).fit(X, y)
    assert np.array_equal(a.predict_proba(X), b.predict_proba(X))
    assert torch.equal(state, torch.get_rng_state())


def test_a_batch_equals_each_sequence_alone() -> None:
    X, y = waves(30)
    model = small().fit(X, y)
    alone = np.concatenate([model.predict_proba([x]) for x in X])
    assert model.predict_proba(X) == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize(
    "labels",
    [[3, 7], ["a", "b"], [True, False], [0.0, 1.0], [np.int8(1), np.int8(2)], ["über", "naïve"]],
    ids=["int", "str", "bool", "float", "int8", "unicode"],
)
def test_labels_keep_their_type(labels: list, tmp_path) -> None:
    X, _ = waves(20)
    y = np.array([labels[i % 2] for i in range(20)])
    model = small().fit(X, y)
    model.save(tmp_path / "m")
    again = SequenceClassifier.load(tmp_path / "m")
    assert again.classes_.dtype == y.dtype
    assert set(again.predict(X)) <= set(y)


# Those of scikit-learn's checks that do not fit an array of two dimensions.
@pytest.mark.parametrize(
    "name",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_set_params",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_valid_tag_types",
        "check_mixin_order",
    ],
)
def test_scikit_learns_own_checks(name: str) -> None:
    assert getattr(estimator_checks, name)("SequenceClassifier", SequenceClassifier()) is None


def test_model_selection_on_ragged_lists() -> None:
    X, y = waves(30)
    assert len(cross_val_score(small(), X, y, cv=2)) == 2
    search = GridSearchCV(small(), {"hidden_size": [3, 5]}, cv=2).fit(X, y)
    assert search.best_params_["hidden_size"] in (3, 5)
    assert clone(search.best_estimator_).get_params()["epochs"] == 2


def test_a_constructor_only_stores() -> None:
    model = SequenceClassifier(hidden_size=-1, cell="nonsense")
    assert model.hidden_size == -1
    assert not hasattr(model, "classes_")


X20, Y20 = waves(20)
WITH_NAN = [*X20[:3], np.array([[0.0, np.nan]]), *X20[4:]]


@pytest.mark.parametrize(
    ("options", "X", "y", "told"),
    [
        ({}, WITH_NAN, Y20, r"X\[3\].*NaN.*step 0, feature 1"),
        ({}, [x * np.inf for x in X20], Y20, r"X\[0\]"),
        ({}, [X20[0][:, :1], *X20[1:]], Y20, "features"),
        ({}, [*X20[:-1], np.zeros((0, 2))], Y20, r"X\[19\].*no steps"),
        ({}, [], [], "X is empty"),
        ({}, np.zeros((20, 2)), Y20, "time, features"),
        ({}, X20, Y20[:-1], "y: expected 20 labels"),
        ({}, X20, ["a"] * 20, "at least two classes"),
        ({}, X20, np.linspace(0, 1, 20), "continuous"),
        ({}, X20, np.array(["a", 1] * 10, dtype=object), "one type"),
        ({"cell": "lstn"}, X20, Y20, "cell: .*'lstn'.*did you mean 'lstm'"),
        ({"cell_options": {"nonsense": 1}}, X20, Y20, "options"),
        ({"hidden_size": 0}, X20, Y20, "hidden_size"),
        ({"num_layers": 1.5}, X20, Y20, "num_layers"),
        ({"batch_size": -1}, X20, Y20, "batch_size"),
        ({"dropout": 1.0}, X20, Y20, "dropout"),
        ({"pooling": "first"}, X20, Y20, "pooling"),
        ({"lr": -1.0}, X20, Y20, "lr"),
        ({"epochs": 0}, X20, Y20, "epochs"),
        ({"device": "gpu7"}, X20, Y20, "device"),
        ({"class_weight": "even"}, X20, Y20, "class_weight"),
        ({"validation_fraction": 1.0}, X20, Y20, "validation_fraction"),
        ({"random_state": "x"}, X20, Y20, "random_state"),
    ],
)
def test_bad_input_is_named(options: dict, X: object, y: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        small(**options).fit(X, y)


def test_prediction_refuses_other_features_and_no_fit() -> None:
    with pytest.raises(NotFittedError):
        small().predict(X20)
    model = small().fit(X20, Y20)
    with pytest.raises(ValueError, match="expected 2 features"):
        model.predict([x[:, :1] for x in X20])


def test_validation_data_of_ones_own() -> None:
    model = small(validation_fraction=0.0).fit(X20, Y20, validation_data=waves(10, seed=3))
    assert "validation_accuracy" in model.history_[0]
    with pytest.raises(ValueError, match="validation_data"):
        small().fit(X20, Y20, validation_data=(X20, ["other"] * 20))


class Mine(Cell):
    """A user's cell."""

    states = ("h",)
    gates = ("only",)

    def step(self, x, r, state):
        """One step."""
        return State(h=0.5 * state.h + tanh(x.only + r.only))


def test_a_users_cell_is_saved_by_name_and_loaded_by_class(tmp_path) -> None:
    model = small(cell=Mine).fit(X20, Y20)
    model.save(tmp_path / "m")
    with pytest.raises(ModelError, match="pass the class"):
        SequenceClassifier.load(tmp_path / "m")
    again = SequenceClassifier.load(tmp_path / "m", cell=Mine)
    assert np.array_equal(model.predict_proba(X20), again.predict_proba(X20))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    small().fit(X20, Y20).save(path)
    return path


class TestModelFolder:
    def harmed(self, saved, tmp_path, harm):
        path = tmp_path / "model"
        shutil.copytree(saved, path)
        harm(path)
        return path

    @pytest.mark.parametrize(
        "harm",
        [
            lambda p: (p / "config.json").unlink(),
            lambda p: (p / "model.safetensors").unlink(),
            lambda p: (p / "config.json").write_text("{"),
            lambda p: (p / "config.json").write_text("[]"),
            lambda p: (p / "config.json").write_text("{}"),
            lambda p: (p / "config.json").write_bytes(b"\xff\xfe"),
            lambda p: (p / "config.json").write_text("[" * 100_000),
            lambda p: (p / "model.safetensors").write_bytes(b""),
            lambda p: (p / "model.safetensors").write_bytes((p / "model.safetensors").read_bytes()[:-4]),
        ],
    )
    def test_a_damaged_one_is_refused(self, saved, tmp_path, harm) -> None:
        with pytest.raises(ModelError, match="model"):
            SequenceClassifier.load(self.harmed(saved, tmp_path, harm))

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("kind", "Forecaster"),
            ("format", 99),
            ("features", 3),
            ("features", "two"),
            ("features", 10**12),
            ("classes", {"values": ["a"], "dtype": "object"}),
            ("classes", {"values": [["a"], ["b"]], "dtype": "object"}),
            ("classes", 7),
            ("parameters", {}),
            ("parameters", {"cell": "lstm", "hidden_size": 10**9}),
            ("parameters", {"cell": "os:system"}),
        ],
    )
    def test_a_config_that_lies_is_refused(self, saved, tmp_path, key: str, value: object) -> None:
        def harm(path) -> None:
            config = json.loads((path / "config.json").read_text())
            (path / "config.json").write_text(json.dumps(config | {key: value}))

        with pytest.raises(ModelError):
            SequenceClassifier.load(self.harmed(saved, tmp_path, harm))

    def test_a_foreign_folder_is_not_overwritten(self, tmp_path) -> None:
        (tmp_path / "thesis.txt").write_text("precious")
        with pytest.raises(ModelError, match="thesis"):
            small().fit(X20, Y20).save(tmp_path)
        assert (tmp_path / "thesis.txt").read_text() == "precious"

    def test_an_earlier_model_is_replaced(self, tmp_path) -> None:
        for seed in (0, 1):
            model = small(random_state=seed).fit(X20, Y20)
            model.save(tmp_path / "m")
        assert np.array_equal(SequenceClassifier.load(tmp_path / "m").predict_proba(X20), model.predict_proba(X20))
        assert [p.name for p in tmp_path.iterdir()] == ["m"]
