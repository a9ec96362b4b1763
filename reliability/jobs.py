"""Small real training runs of every model, with dropout, shuffling, a schedule and early stopping."""

from __future__ import annotations

import hashlib
import random
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unrolled import Forecaster, SequenceClassifier, TextGenerator, Translator, WordVectors

WORDS = ["red", "blue", "green", "cat", "dog", "bird", "runs", "eats", "sleeps", "big", "small", "old"]
Job = Callable[..., str]


def waves(count: int = 80, seed: int = 0) -> tuple[list[Any], Any]:
    """Slow and fast sine waves with noise, of different lengths."""
    draw = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    X = [
        np.stack([np.sin((1 + label) * np.arange(n) * 0.7 + draw.uniform(0, 6)), draw.normal(0, 0.1, n)], 1)
        for label, n in zip(labels, draw.integers(8, 16, count), strict=True)
    ]
    return X, np.array(["slow", "fast"])[labels]


def series(steps: int = 400) -> Any:
    """A noisy season."""
    return np.sin(np.arange(steps) / 3) + np.random.default_rng(0).normal(0, 0.1, steps)


def sentences(count: int = 200, seed: int = 0) -> tuple[list[str], list[str]]:
    """Some words, and their translation: in capitals and from the end."""
    draw = random.Random(seed)
    source = [" ".join(draw.choices(WORDS, k=draw.randint(1, 5))) for _ in range(count)]
    return source, [" ".join(reversed(line.upper().split())) for line in source]


def corpus(count: int = 400) -> list[list[str]]:
    """Lists of words."""
    return [line.split() for line in sentences(count)[0]]


def classifier(**options: Any) -> SequenceClassifier:
    """Two layers in both directions."""
    given: dict[str, Any] = {
        "cell": "gru",
        "hidden_size": 6,
        "num_layers": 2,
        "bidirectional": True,
        "dropout": 0.3,
        "epochs": 12,
    }
    given |= {"batch_size": 16, "patience": 6, "warmup": 0.1, "random_state": 0, "lr": 5e-3}
    return SequenceClassifier(**(given | options))


def forecaster(**options: Any) -> Forecaster:
    """Recursive, by truncated backpropagation through time with the state carried along."""
    given: dict[str, Any] = {
        "head": "recursive",
        "truncate": 20,
        "scaling": "global",
        "hidden_size": 6,
        "num_layers": 2,
    }
    given |= {"dropout": 0.2, "horizon": 5, "window": 20, "epochs": 12, "batch_size": 4, "patience": 6}
    return Forecaster(**(given | {"random_state": 0, "windows_per_epoch": 64, "season": 19} | options))


def translator(**options: Any) -> Translator:
    """With attention, scheduled sampling, and the last epochs averaged."""
    given: dict[str, Any] = {
        "hidden_size": 8,
        "embedding_size": 8,
        "vocabulary_size": 60,
        "epochs": 6,
        "batch_tokens": 200,
    }
    given |= {"scheduled_sampling": 0.2, "average": 2, "patience": 4, "random_state": 0}
    return Translator(**(given | options))


def text_generator(**options: Any) -> TextGenerator:
    """Truncated backpropagation through time, dropout of weights too, and the last epochs averaged."""
    given: dict[str, Any] = {
        "hidden_size": 8,
        "dropout": 0.2,
        "weight_dropout": 0.1,
        "variational": True,
        "truncate": 16,
        "batch_size": 8,
        "epochs": 8,
    }
    given |= {"validation_fraction": 0.1, "average": 2, "patience": 4, "random_state": 0}
    return TextGenerator(**(given | options))


def word_vectors(**options: Any) -> WordVectors:
    """In one thread, which is what is exact."""
    given: dict[str, Any] = {"dim": 8, "min_count": 1, "epochs": 40, "workers": 1, "random_state": 0, "subsample": 0}
    return WordVectors(**(given | options))


def train_classifier(**how: Any) -> str:
    """Trains, and gives a digest of every parameter."""
    callbacks = how.pop("callbacks", ())
    made = classifier(callbacks=callbacks).fit(*waves(), **how)
    return digest(made.network_.state_dict())


def train_forecaster(**how: Any) -> str:
    """Trains, and gives a digest of every parameter."""
    callbacks = how.pop("callbacks", ())
    made = forecaster(callbacks=callbacks).fit(series(), **how)
    return digest(made.model_.state_dict())


def train_translator(**how: Any) -> str:
    """Trains, and gives a digest of every parameter."""
    callbacks = how.pop("callbacks", ())
    made = translator(callbacks=callbacks).fit(*sentences(), **how)
    return digest(made.network_.state_dict())


def train_text_generator(**how: Any) -> str:
    """Trains, and gives a digest of every parameter."""
    callbacks = how.pop("callbacks", ())
    made = text_generator(callbacks=callbacks).fit("\n".join(sentences()[0]), **how)
    return digest(made.network_.state_dict())


def train_word_vectors(**how: Any) -> str:
    """Trains, and gives a digest of every vector."""
    callbacks = how.pop("callbacks", ())
    made = word_vectors(callbacks=callbacks).fit(corpus(), **how)
    return digest({"vectors": torch.from_numpy(made.vectors_.matrix)})


JOBS: dict[str, Job] = {
    "classifier": train_classifier,
    "forecaster": train_forecaster,
    "translator": train_translator,
    "text generator": train_text_generator,
    "word vectors": train_word_vectors,
}


def digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of tensors' names and bits."""
    made = hashlib.sha256()
    for name in sorted(tensors):
        made.update(name.encode())
        made.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return made.hexdigest()


def run(job: Job, folder: Path | None = None, *, callbacks: Iterable[Any] = ()) -> str:
    """Runs a job, from its newest checkpoint if there is one; warnings are silent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return job(checkpoints=folder, resume=folder is not None, callbacks=list(callbacks))
