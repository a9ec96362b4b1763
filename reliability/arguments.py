"""Row 22: every argument of everything public, with wrong types, shapes, ranges and nothing at all."""

from __future__ import annotations

import inspect
import os
import re
import signal
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

import unrolled
from reliability import jobs
from reliability.board import Effort, Verdict
from reliability.scratch import scratch
from unrolled import cells, data, training
from unrolled import nn as layers
from unrolled.data import DataError

# A wrong value is refused at once.
SECONDS = 5


class Nothing:
    """What no argument can be."""

    def __repr__(self) -> str:
        return "Nothing()"


def wrong_values() -> dict[str, Any]:
    """Fresh each time, since some can be used up."""
    return {
        "nothing": Nothing(),
        "None": None,
        "text": "wrong",
        "no text": "",
        "minus one": -1,
        "zero": 0,
        "fraction": 1.5,
        "NaN": float("nan"),
        "huge": 2**70,
        "truth": True,
        "empty list": [],
        "list of nothing": [Nothing()],
        "dictionary": {"a": 1},
        "number of no dimension": torch.tensor(1.0),
        "empty tensor": torch.zeros(0),
        "tensor of five dimensions": torch.zeros(1, 2, 1, 2, 1),
        "array of text": np.array(["a", "b"]),
        "array of objects": np.array([None, Nothing()], dtype=object),
    }


@dataclass(frozen=True)
class Case:
    """Something to call, and arguments with which it works.

    Attributes:
        call: takes them by name.
        good: makes them.
        anything: arguments that may be anything.
        names: of the arguments to try; those of the call's signature unless given.
        told: what arguments are called in messages, with bars between, if not by their names.
    """

    call: Callable[..., Any]
    good: Callable[[], dict[str, Any]]
    anything: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    told: str = ""

    def arguments(self) -> tuple[str, ...]:
        """Names of the arguments to try."""
        return self.names or _names(self.call)


def refused(effort: Effort) -> Verdict:
    """One ValueError or TypeError that names the argument, for all that is not taken."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    failures, tried, places = list[str](), 0, 0
    with scratch(in_memory=True) as folder:
        # A wrong path may be taken for a right one.
        os.chdir(folder)
        for name, case in cases().items():
            for argument in case.arguments():
                places += 1
                values = list(wrong_values().items())
                # A part of the values at least, others with each seed.
                for what, value in values if effort.part >= 0.1 else effort.random().sample(values, 3):
                    tried += 1
                    if problem := fault(case, argument, value):
                        failures.append(f"{name}({argument}={what}): {problem}")
    figure = f"{tried - len(failures):,} of {tried:,} wrong values of {places} arguments of {len(cases())} callables"
    return Verdict.of(failures, figure + " are taken or refused by name")


def fault(case: Case, argument: str, value: Any) -> str:
    """What is wrong with how a value is met; "" if nothing is."""
    given = case.good()
    given[argument] = value
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        with redirect_stdout(StringIO()):
            case.call(**given)
    except (ValueError, TypeError) as error:
        # Files are named by what was given; scikit-learn's name for the data is X.
        named = re.search(rf"\b({case.told or argument})\b", str(error)) or isinstance(error, DataError)
        return "" if named else f"{type(error).__name__} without its name: {error!s:.120}"
    except Exception as error:
        return f"{type(error).__name__}: {error!s:.120}"
    finally:
        signal.alarm(0)
    if isinstance(value, Nothing) and argument not in case.anything:
        return "taken"
    return ""


def _too_long(number: int, frame: FrameType | None) -> None:
    raise RuntimeError(f"took more than {SECONDS} s")


def cases() -> dict[str, Case]:
    """Everything public that takes arguments."""
    return {
        **_functions(),
        **{f"cells.{kind.__name__}": Case(kind, lambda: {"input_size": 3, "hidden_size": 4}) for kind in _cells()},
        **_layers(),
        **_data(),
        **_training(),
        **_models(),
    }


def _cells() -> list[Any]:
    return list(cells.by_name.values())


def _functions() -> dict[str, Case]:
    def call() -> dict[str, Any]:
        return {"cell": cells.GRU(3, 4), "inputs": torch.randn(2, 5, 3)}

    def streamed(input: Any) -> Any:
        return unrolled.Stream(cells.LSTM(3, 4))(input)

    return {
        "unroll": Case(unrolled.unroll, call),
        "static_unroll": Case(unrolled.static_unroll, call),
        "explain": Case(unrolled.explain, call),
        "inspect": Case(unrolled.inspect, call),
        "gradient_reach": Case(unrolled.gradient_reach, call),
        "Stream": Case(unrolled.Stream, lambda: {"layers": cells.LSTM(3, 4), "batch_size": 1}),
        "Stream()": Case(streamed, lambda: {"input": torch.randn(1, 3)}),
        "accelerate": Case(unrolled.accelerate, lambda: {"model": nn.LSTM(3, 4)}),
        "cells.make": Case(partial(cells.make, input_size=3, hidden_size=4), dict, (), ("name",), "cell"),
    }


def _layers() -> dict[str, Case]:
    def cell() -> dict[str, Any]:
        return {"cell": cells.GRU(3, 4)}

    def called(kind: Any, **given: Any) -> Any:
        return kind(3, 4, batch_first=True)(**given)

    def looked(**given: Any) -> Any:
        return layers.Attention(4, 5)(**given)

    found = {
        f"nn.{kind.__name__}": Case(kind, lambda: {"input_size": 3, "hidden_size": 4})
        for kind in (layers.RNN, layers.LSTM, layers.GRU)
    }
    for kind in (layers.RNN, layers.LSTM, layers.GRU):
        names = ("input", "hx", "lengths")
        found[f"nn.{kind.__name__}()"] = Case(partial(called, kind), lambda: {"input": torch.randn(2, 5, 3)}, (), names)
    found |= {
        "nn.Recurrent": Case(layers.Recurrent, lambda: {"cells": cells.GRU(3, 4)}),
        "nn.Dropout": Case(layers.Dropout, cell),
        "nn.Zoneout": Case(layers.Zoneout, cell),
        "nn.WeightDropout": Case(layers.WeightDropout, cell),
        "nn.Residual": Case(layers.Residual, lambda: {"cell": cells.GRU(3, 3)}),
        "nn.Projection": Case(layers.Projection, lambda: cell() | {"size": 2}),
        "nn.On": Case(layers.On, lambda: cell() | {"device": "cpu"}),
        "nn.Attention": Case(layers.Attention, lambda: {"query_size": 4, "memory_size": 5}),
    }
    return {name: _fitting(case) for name, case in found.items()}


def _fitting(case: Case) -> Case:
    """The good arguments by the signature's own names, in its order."""
    parameters = list(inspect.signature(case.call).parameters)
    good = case.good()
    if case.names or all(name in parameters for name in good):
        return case
    return Case(case.call, lambda: dict(zip(parameters, case.good().values(), strict=False)), case.anything)


def _data() -> dict[str, Case]:
    X, _, _ = data.check_sequences(jobs.waves(6)[0])
    readers = (
        data.load,
        data.splits,
        data.read_csv,
        data.read_csv_folder,
        data.read_idx,
        data.read_numpy,
        data.read_ts,
    )
    found = {
        f"data.{one.__name__}": Case(one, lambda: {}, (), (next(iter(inspect.signature(one).parameters)),))
        for one in readers
    }
    lengths = torch.tensor([3, 1, 2])
    return found | {
        "data.fetch": Case(data.fetch, lambda: {"name": "digits"}),
        "data.read_series": Case(data.read_series, lambda: {"source": np.arange(20.0)}),
        "data.read_series of a frame": Case(data.read_series, lambda: {"source": pl.DataFrame({"y": np.arange(20.0)})}),
        "data.Pairs": Case(
            lambda source, target: list(data.Pairs(source, target)), lambda: {"source": ["a"], "target": ["b"]}
        ),
        "data.Documents": Case(data.Documents, lambda: {"source": "It was."}, (), (), "corpus|lines"),
        "data.pad": Case(data.pad, lambda: {"sequences": data.stack(X), "indices": lengths - 1}),
        "data.check_sequences": Case(data.check_sequences, lambda: {"X": X}, ("name",)),
        "data.stack": Case(data.stack, lambda: {"X": X}),
        "data.length_batches": Case(data.length_batches, lambda: {"lengths": lengths, "batch_size": 2}),
        "data.token_batches": Case(data.token_batches, lambda: {"lengths": lengths, "tokens": 9}),
        "data.padding_fraction": Case(data.padding_fraction, lambda: {"lengths": lengths, "batches": [lengths - 1]}),
    }


def _training() -> dict[str, Case]:
    def checkpoints(**given: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            good: dict[str, Any] = {"folder": Path(folder) / "a", "identity": {}}
            training.Checkpoints(**(good | given)).close()

    def run() -> dict[str, Any]:
        def loss(module: Any, batch: Any) -> training.Loss:
            return training.Loss(module(torch.ones(1, 2)).sum(), 1, {})

        return {
            "module": nn.Linear(2, 1),
            "loss": loss,
            "batches": lambda generator: [0],
            "options": training.Options(epochs=1),
            "seed": 0,
        }

    return {
        "training.chosen_device": Case(training.chosen_device, lambda: {"device": "cpu"}),
        "training.Options": Case(training.Options, lambda: {}),
        "training.Checkpoints": Case(checkpoints, lambda: {}, (), ("folder", "identity", "keep", "minutes")),
        "training.train": Case(training.train, run),
    }


def _models() -> dict[str, Case]:
    X, y = jobs.waves(24)
    series, (source, target) = jobs.series(60), jobs.sentences(40)
    small: dict[str, Any] = {"hidden_size": 3, "epochs": 1, "random_state": 0}
    kinds: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
        "SequenceClassifier": (unrolled.SequenceClassifier, small, {"X": X, "y": y}),
        "Forecaster": (
            unrolled.Forecaster,
            small | {"horizon": 2, "window": 4, "windows_per_epoch": 8},
            {"series": series},
        ),
        "Translator": (
            unrolled.Translator,
            small | {"embedding_size": 3, "vocabulary_size": 40},
            {"source": source, "target": target},
        ),
        "TextGenerator": (
            unrolled.TextGenerator,
            small | {"batch_size": 2, "truncate": 8},
            {"corpus": "It is what it was. " * 20},
        ),
        "WordVectors": (
            unrolled.WordVectors,
            {"dim": 4, "min_count": 1, "epochs": 1, "workers": 1, "random_state": 0},
            {"corpus": jobs.corpus(20)},
        ),
    }
    member = unrolled.Forecaster(**kinds["Forecaster"][1])
    kinds["EnsembleForecaster"] = (unrolled.EnsembleForecaster, {"forecasters": [member]}, {"series": series})
    found: dict[str, Case] = {}
    for name, (kind, options, given) in kinds.items():
        # What is a seed or a class is checked where it is used.
        own = Case(
            partial(_made_and_fitted, kind, given),
            partial(dict, options),
            (),
            _names(kind),
        )
        fit = partial(_fitted, kind, options)
        found[name] = own
        found[f"{name}.fit"] = Case(fit, partial(dict, given), () if "y" in given else ("y",), _names(kind.fit))
        model = kind(**options).fit(**given)
        for method, good in _uses(name).items():
            found[f"{name}.{method}"] = Case(partial(_used, model, method), good, (), _names(getattr(model, method)))
    return found


def _made_and_fitted(kind: Any, given: dict[str, Any], **options: Any) -> None:
    kind(**options).fit(**given)


def _fitted(kind: Any, options: dict[str, Any], **given: Any) -> None:
    kind(**options).fit(**given)


def _used(model: Any, method: str, **given: Any) -> None:
    found = getattr(model, method)(**given)
    if isinstance(found, Iterator):
        # Some go on without end.
        next(found, None)


def _names(call: Any) -> tuple[str, ...]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(call).parameters.values()
    return tuple(one.name for one in parameters if one.kind not in kinds and one.name != "self")


def _uses(name: str) -> dict[str, Callable[[], dict[str, Any]]]:
    X, y = jobs.waves(4)
    sentences = jobs.sentences(3)
    forecasting: dict[str, Callable[[], dict[str, Any]]] = {
        "predict": dict,
        "predict_quantiles": dict,
        "calibrate": dict,
        "backtest": lambda: {"refit": False, "windows": 1, "baselines": ["naive"]},
    }
    uses: dict[str, dict[str, Callable[[], dict[str, Any]]]] = {
        "SequenceClassifier": {
            "predict": lambda: {"X": X},
            "predict_proba": lambda: {"X": X},
            "score": lambda: {"X": X, "y": y},
        },
        "Forecaster": {
            **forecasting,
            "sample": lambda: {"n": 2},
            "generate": lambda: {"seed": None, "n": 2},
        },
        "EnsembleForecaster": forecasting,
        "Translator": {
            "translate": lambda: {"sentences": sentences[0]},
            "candidates": lambda: {"sentences": sentences[0]},
            "sample": lambda: {"sentences": sentences[0]},
            "score": lambda: {"source": sentences[0], "target": sentences[1]},
            "log_probabilities": lambda: {"source": sentences[0], "target": sentences[1]},
            "attention": lambda: {"sentence": sentences[0][0]},
        },
        "TextGenerator": {
            "sample": lambda: {"prompt": "It", "n": 4},
            "stream": lambda: {"prompt": "It"},
            "score": lambda: {"corpus": "It was what it is. " * 4},
            "log_probabilities": lambda: {"corpus": "It was what it is. " * 4},
        },
        "WordVectors": {
            "most_similar": lambda: {"word": "red"},
            "similarity": lambda: {"a": "red", "b": "cat"},
            "analogy": lambda: {"a": "red", "b": "cat", "c": "dog"},
            "map": lambda: {"words": 5},
        },
    }
    return uses[name]
