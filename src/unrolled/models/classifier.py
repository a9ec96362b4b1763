"""`SequenceClassifier`: one label for each sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from unrolled.cells import Cell
from unrolled.checks import MOST_LAYERS, expect, fraction, integer, is_one_of, is_truth, one_of, truth
from unrolled.data import check_sequences, length_batches, pad, stack
from unrolled.data.sequences import real_numbers
from unrolled.models.estimator import cell_maker, read_parameters, training_options, written_parameters
from unrolled.models.fit import Fit
from unrolled.models.folder import assembled, making, read_model, write_model
from unrolled.models.network import POOLINGS, ClassifierNetwork
from unrolled.training import Callback, Loss, Options, joined

PREDICTION_BATCH = 512


class SequenceClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifies sequences of any mix of lengths with recurrent layers.

    Args:
        cell: name of a cell (`unrolled.cells.by_name`), or a class of cells.
        hidden_size: units of each layer.
        num_layers: layers, one on top of the other; at most 1,000.
        bidirectional: whether each layer reads its input backwards too.
        dropout: probability that a unit is dropped between layers and before the dense layer, while training.
        pooling: what of the last layer goes to the dense layer: "last" (final outputs), "mean" or "max" over time.
        standardize: whether features are brought to mean 0 and variance 1, as measured on the training data; None
            to do so unless they all lie between 0 and 1, as the grey levels of a picture do.
        epochs: passes over the training data.
        batch_size: sequences a step.
        lr: learning rate, at its highest.
        optimizer: "adam", "adamw" or "sgd".
        weight_decay: of the optimizer.
        clip_norm: gradients are scaled down to this norm, None for never.
        schedule: of the learning rate: "constant", "linear", "cosine" or "one-cycle".
        warmup: part of all steps in which the learning rate rises.
        patience: stop after this many epochs without a lower validation loss, and go back to the best; None to
            train to the end.
        label_smoothing: part of the target spread over all classes, 0 to below 1 (Szegedy et al. 2016).
        class_weight: None, or "balanced" to weigh classes by the inverse of their frequency.
        validation_fraction: part of the training data that is held back to validate, stratified by class; 0 for none.
        random_state: seed (an integer or a NumPy RandomState); the same gives the same model bit for bit on one
            machine and thread count. None draws one.
        device: "auto" (CUDA if there is one), or a torch device.
        cell_options: further arguments of the cell.
        verbose: whether to show a progress bar.
        callbacks: instances of `unrolled.training.Callback`.

    Attributes:
        classes_: the labels (classes,), sorted, of the type they came in.
        n_features_in_: features of a step.
        history_: a dictionary for every epoch; see `unrolled.training.train`.
        network_: the trained torch module.

    Memory: the data as float32, and what `unrolled.training.train` states.
    """

    def __init__(
        self,
        cell: str | type[Cell] = "lstm",
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        pooling: str = "last",
        standardize: bool | None = None,
        epochs: int = 10,
        batch_size: int = 128,
        lr: float = 1e-3,
        optimizer: str = "adam",
        weight_decay: float = 0.0,
        clip_norm: float | None = 1.0,
        schedule: str = "cosine",
        warmup: float = 0.0,
        patience: int | None = None,
        label_smoothing: float = 0.0,
        class_weight: str | None = None,
        validation_fraction: float = 0.1,
        random_state: Any = None,
        device: str = "auto",
        cell_options: dict[str, Any] | None = None,
        verbose: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.pooling = pooling
        self.standardize = standardize
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.schedule = schedule
        self.warmup = warmup
        self.patience = patience
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.cell_options = cell_options
        self.verbose = verbose
        self.callbacks = callbacks

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags

    @joined()
    def fit(
        self,
        X: Any,
        y: Any,
        validation_data: tuple[Any, Any] | None = None,
        *,
        checkpoints: str | Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Trains on labelled sequences.

        Args:
            X: array (sequences, time, features), or a list of arrays (time_i, features).
            y: labels (sequences,), of any type that sorts.
            validation_data: sequences and labels to validate on, instead of a part of X.
            checkpoints: folder to save to after each epoch and when stopped by a signal; needs a fixed random_state.
            resume: go on from the newest checkpoint there.

        Returns:
            The classifier itself.

        Raises:
            ValueError: an argument, here or of the constructor, is not what it should be; the message names it.
            NonFiniteLossError: training diverged.
            Interrupted: a signal asked to stop; only with checkpoints.
        """
        options = self._checked_options()
        fit = Fit.of(self, self._config, checkpoints, resume)
        X, _, features = check_sequences(X)
        labels = _checked_labels(y, len(X))
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y: expected at least two classes, found only {self.classes_[0]!r}")
        (X, codes), validation = self._split(X, codes, validation_data, features, fit.seed)
        self.n_features_in_ = features
        with fit.seeded():
            self.network_ = self._network(features, len(self.classes_))
        if self.standardize or (self.standardize is None and not _within_unit_range(X)):
            _standardize(self.network_, X)
        self.network_.to(fit.device)
        sequences = stack(X).to(fit.device)
        targets = torch.from_numpy(codes).to(fit.device)
        lengths = torch.tensor([len(sequence) for sequence in X]) if isinstance(X, list) else _equal(X)
        told = [X, codes, *(validation or ())]
        self.history_ = fit.train(
            self.network_,
            partial(_loss, sequences, targets, self._weights(codes, fit.device), self.label_smoothing),
            lambda generator: length_batches(lengths, self.batch_size, generator),
            options,
            data=(array for part in told for array in (part if isinstance(part, list) else [part])),
            validate=None if validation is None else partial(self._validate, *validation),
        )
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable label of each sequence, (sequences,)."""
        codes = self._logits(X).argmax(1).numpy()
        return self.classes_[codes]  # type: ignore[no-any-return]

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probabilities (sequences, classes), in the order of `classes_`.

        Raises:
            ValueError: X is not what `fit` takes, or has other features.
            NotFittedError: `fit` was not called.
        """
        return self._logits(X).softmax(1).numpy()

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy on labelled sequences.

        Args:
            X, y: as `fit` takes them.
            sample_weight: how much each sequence counts, (sequences,), None for all alike.

        Raises:
            ValueError: an argument is not what it should be.
            NotFittedError: `fit` was not called.
        """
        hits = self.predict(X)
        hits = hits == _checked_labels(y, len(hits))
        return float(np.average(hits, weights=None if sample_weight is None else _weights(sample_weight, len(hits))))

    def save(self, path: str | Path) -> None:
        """Writes the trained classifier to a folder, `config.json` and `model.safetensors`.

        An earlier model there is replaced as a whole; any other folder is left alone.

        Raises:
            ModelError: the folder holds something else.
            ValueError: the labels or cell options cannot be written as JSON.
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        config = self._config() | {
            "classes": _written(self.classes_),
            "features": self.n_features_in_,
            "history": self.history_,
        }
        write_model(path, type(self).__name__, config, self.network_.state_dict())

    @classmethod
    def load(cls, path: str | Path, *, cell: type[Cell] | None = None, device: str = "auto") -> Self:
        """Reads a classifier that `save` wrote.

        Args:
            path: the folder.
            cell: the class of cells, where it is not one of `unrolled.cells`; files name it but cannot bring it.
            device: as the constructor's.

        Raises:
            ModelError: a file is missing, damaged, or not a classifier's.
        """
        config, tensors = read_model(path, cls.__name__)
        with making(path, "a classifier"):
            made = cls(**read_parameters(path, config, cell), device=device)
            made._checked_options()
            made.classes_ = _read(config["classes"])
            made.n_features_in_ = int(config["features"])
            made.history_ = list(config["history"])
            network = partial(made._network, made.n_features_in_, len(made.classes_))
            made.network_ = assembled(network, tensors, device)
        return made

    def _checked_options(self) -> Options:
        options = training_options(self)
        for name in ("hidden_size", "batch_size"):
            integer(name, getattr(self, name))
        integer("num_layers", self.num_layers, most=MOST_LAYERS)
        for name in ("dropout", "validation_fraction", "label_smoothing"):
            fraction(name, getattr(self, name))
        truth("bidirectional", self.bidirectional)
        standardize = self.standardize
        expect("standardize", standardize, "True, False or None", standardize is None or is_truth(standardize))
        one_of("pooling", self.pooling, POOLINGS)
        weight = self.class_weight
        expect("class_weight", weight, "None or 'balanced'", weight is None or is_one_of(weight, ["balanced"]))
        return options

    def _make_cell(self) -> Callable[[int], Cell]:
        return cell_maker(self.cell, self.hidden_size, self.cell_options)

    def _network(self, features: int, classes: int) -> ClassifierNetwork:
        return ClassifierNetwork(
            self._make_cell(),
            features,
            classes,
            num_layers=int(self.num_layers),
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            pooling=self.pooling,
        )

    def _split(
        self, X: Any, codes: NDArray[Any], given: tuple[Any, Any] | None, features: int, seed: int
    ) -> tuple[tuple[Any, NDArray[Any]], tuple[Any, Any] | None]:
        """Training data and validation data."""
        if given is not None:
            pair = isinstance(given, (tuple, list)) and len(given) == 2
            expect("validation_data", given, "a pair of sequences and labels", pair)
            sequences, labels = given
            sequences = self._checked(sequences, features, "validation_data")
            labels = _checked_labels(labels, len(sequences), "validation_data")
            unknown = np.setdiff1d(labels, self.classes_)
            if len(unknown):
                raise ValueError(f"validation_data: expected labels that y has, found {unknown[0]!r}")
            return (X, codes), (sequences, labels)
        held = round(self.validation_fraction * len(X))
        if held == 0:
            return (X, codes), None
        counts = np.bincount(codes)
        stratified = counts.min() >= 2 and min(held, len(X) - held) >= len(counts)
        train_part, held_part = train_test_split(
            np.arange(len(X)), test_size=held, random_state=seed, stratify=codes if stratified else None
        )
        return (_taken(X, train_part), codes[train_part]), (_taken(X, held_part), self.classes_[codes[held_part]])

    def _checked(self, X: Any, features: int, name: str = "X") -> Any:
        X, _, found = check_sequences(X, name)
        if found != features:
            raise ValueError(f"{name}: expected {features} features, as in training, found {found}")
        return X

    def _weights(self, codes: NDArray[Any], device: torch.device) -> Tensor | None:
        if self.class_weight is None:
            return None
        weights = compute_class_weight("balanced", classes=np.arange(len(self.classes_)), y=codes)
        return torch.tensor(weights, dtype=torch.float32, device=device)

    def _validate(self, X: Any, y: NDArray[Any], network: Any) -> dict[str, float]:
        logits = self._logits_of(X)
        codes = torch.from_numpy(np.searchsorted(self.classes_, y))
        return {
            "validation_loss": float(F.cross_entropy(logits, codes)),
            "validation_accuracy": float((logits.argmax(1) == codes).float().mean()),
        }

    def _logits(self, X: Any) -> Tensor:
        check_is_fitted(self)
        return self._logits_of(self._checked(X, self.n_features_in_))

    @torch.no_grad()
    def _logits_of(self, X: Any) -> Tensor:
        sequences = stack(X)
        device = next(self.network_.parameters()).device
        logits = torch.empty(len(X), len(self.classes_))
        lengths = torch.tensor([len(sequence) for sequence in X]) if isinstance(X, list) else _equal(X)
        for batch in length_batches(lengths, PREDICTION_BATCH):
            inputs, own = pad(sequences, batch)
            logits[batch] = self.network_(inputs.to(device), own if isinstance(X, list) else None).cpu()
        return logits

    def _config(self) -> dict[str, Any]:
        return {"parameters": written_parameters(self)}


def _loss(
    sequences: Any, targets: Tensor, weights: Tensor | None, smoothing: float, network: Any, batch: Tensor
) -> Loss:
    inputs, lengths = pad(sequences, batch)
    logits = network(inputs, None if isinstance(sequences, Tensor) else lengths)
    target = targets[batch.to(targets.device)]
    mean = F.cross_entropy(logits, target, weights, label_smoothing=smoothing)
    accuracy = (logits.detach().argmax(1) == target).float().mean()
    return Loss(mean, len(batch), {"accuracy": accuracy}, None if weights is None else weights[target].sum())


def _standardize(network: ClassifierNetwork, X: Any) -> None:
    flat = np.concatenate(X) if isinstance(X, list) else X.reshape(-1, X.shape[2])
    center, spread = flat.mean(0, dtype=np.float64), flat.std(0, dtype=np.float64)
    # A feature that hardly varies is not blown up.
    floor = 0.1 * np.sqrt((spread**2).mean())
    network.center.copy_(torch.from_numpy(center))
    network.scale.copy_(torch.from_numpy(np.maximum(spread, floor) if floor > 0 else np.ones_like(spread)))


def _within_unit_range(X: Any) -> bool:
    return all(part.min() >= 0 and part.max() <= 1 for part in (X if isinstance(X, list) else [X]))


def _checked_labels(y: Any, count: int, name: str = "y") -> NDArray[Any]:
    labels = np.asarray(y.cpu() if isinstance(y, Tensor) else y)
    if labels.ndim != 1 or len(labels) != count:
        raise ValueError(f"{name}: expected {count} labels, one a sequence, found shape {labels.shape}")
    kinds = {type(label) for label in labels.tolist()}
    if len(kinds) > 1:
        raise ValueError(f"{name}: expected labels of one type, found {', '.join(sorted(k.__name__ for k in kinds))}")
    check_classification_targets(labels)
    return labels


def _weights(given: Any, count: int) -> NDArray[Any]:
    weights = real_numbers(given, "sample_weight")
    fits = weights.shape == (count,) and bool(np.isfinite(weights).all()) and weights.min() >= 0 and weights.max() > 0
    expect("sample_weight", given, f"{count} numbers of at least 0, not all of them 0", fits)
    return weights


def _taken(X: Any, indices: NDArray[Any]) -> Any:
    return [X[i] for i in indices] if isinstance(X, list) else X[indices]


def _equal(X: NDArray[Any]) -> Tensor:
    return torch.full((len(X),), X.shape[1])


def _written(classes: NDArray[Any]) -> dict[str, Any]:
    values = classes.tolist()
    if not all(isinstance(value, (bool, int, float, str)) for value in values):
        raise ValueError(f"classes_: expected numbers or text to save, found {type(values[0]).__name__}")
    return {"values": values, "dtype": "object" if classes.dtype == object else classes.dtype.str}


def _read(written: dict[str, Any]) -> NDArray[Any]:
    values, dtype = written["values"], written["dtype"]
    if (
        not isinstance(values, list)
        or len(values) < 2
        or not all(isinstance(v, bool | int | float | str) for v in values)
    ):
        raise ValueError("classes: expected a list of at least two labels")
    if dtype != "object" and np.dtype(dtype).kind not in "biufUS":
        raise ValueError(f"classes: expected numbers or text, found dtype {dtype!r}")
    return np.array(values, dtype=object if dtype == "object" else np.dtype(dtype))
