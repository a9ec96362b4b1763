"""Saved models and checkpoints that are damaged, or made to deceive: with checksums that fit."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from reliability import jobs
from reliability.mutate import mutate
from unrolled import EnsembleForecaster, Forecaster, SequenceClassifier, TextGenerator, Translator, WordVectors
from unrolled.models import ModelError
from unrolled.training import CheckpointError, Checkpoints, Loss, NonFiniteLossError, Options, train

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        -1,
        0,
        1,
        2,
        3,
        255,
        2000,
        30_000,
        10**6,
        2**31,
        2**63,
        2**70,
        -(2**63),
        0.5,
        -1e308,
        1e308,
        float("nan"),
    ),
    *(float("inf"), "", "a", "lstm", "\ud800", "x" * 5000, [], [[]], {}, {"a": 1}, [0] * 100, ["a", "a"], [[1, 2]]),
)
Files = dict[str, bytes]


def checks(folder: Path) -> dict[str, Callable[[int, Path], None]]:
    """Trains and saves every model, and gives for each what reads a damaged copy."""
    X, y = jobs.waves(30)
    small: dict[str, Any] = {"epochs": 1, "hidden_size": 3}
    source, target = jobs.sentences(60)
    dated = Forecaster(epochs=1, hidden_size=3, horizon=2, window=4, random_state=0, windows_per_epoch=8)
    ensemble = EnsembleForecaster([dated, jobs.forecaster(**small, horizon=2, truncate=None)])
    subwords = jobs.text_generator(**small, level="subword", vocabulary_size=270, batch_size=2)
    made: dict[str, Any] = {
        "classifier": jobs.classifier(**small).fit(X, y),
        "recursive forecaster": jobs.forecaster(**small).fit(jobs.series(100)),
        "dated forecaster": dated.fit(_dated()),
        "ensemble": ensemble.fit(jobs.series(60)),
        "translator": jobs.translator(**small, embedding_size=3).fit(source, target),
        "text generator": jobs.text_generator(**small).fit("\n".join(source)),
        "subword text generator": subwords.fit(source),
        "word vectors": jobs.word_vectors(epochs=1).fit(jobs.corpus(50)),
        "subword vectors": jobs.word_vectors(epochs=1, subwords=(3, 4), buckets=50).fit(jobs.corpus(50)),
    }
    found: dict[str, Callable[[int, Path], None]] = {}
    for name, model in made.items():
        model.save(folder / name)
        reader: Any = type(model)
        found[name] = partial(_check_model, reader, _files(folder / name))
    _train(folder / "run", epochs=2)
    found["checkpoint"] = partial(_check_checkpoint, _files(max((folder / "run").glob("step-*"))))
    return found


def _dated() -> Any:
    import polars as pl

    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 9), eager=True)
    return pl.DataFrame({"ds": days, "y": np.arange(len(days)) % 7 + 1.0, "unique_id": "a"})


def _files(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _check_model(
    reader: type[SequenceClassifier | Forecaster | EnsembleForecaster | TextGenerator | Translator | WordVectors],
    files: Files,
    seed: int,
    folder: Path,
) -> None:
    path = folder / "model"
    _write(path, files if seed < 0 else _changed(files, Random(seed), "config.json"))
    try:
        reader.load(path)
    except ModelError:
        if seed < 0:
            raise


def _check_checkpoint(files: Files, seed: int, folder: Path) -> None:
    top = folder / "run"
    _write(top / "step-000000004", files if seed < 0 else _changed(files, Random(seed), "state.json"))
    try:
        _train(top, epochs=3)
    except (CheckpointError, NonFiniteLossError):
        if seed < 0:
            raise
    finally:
        shutil.rmtree(top)


def _write(path: Path, files: Files) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_bytes(content)


def _train(folder: Path, epochs: int) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.2), nn.BatchNorm1d(4), nn.Linear(4, 1))
    x = torch.randn(6, 3)

    def loss(module: Any, batch: Tensor) -> Loss:
        return Loss(module(x[batch]).square().mean(), len(batch), {})

    checkpoints = Checkpoints(folder, {"a": 1}, minutes=1e9)
    options = Options(epochs=epochs, patience=5, average=2)
    try:
        train(
            net,
            loss,
            lambda generator: list(torch.randperm(6, generator=generator).view(2, 3)),
            options,
            seed=0,
            checkpoints=checkpoints,
            resume=True,
            validate=lambda module: {"validation_loss": float(module(x).square().mean())},
        )
    finally:
        checkpoints.close()


def _changed(files: Files, random: Random, head: str) -> Files:
    """A copy with bytes, values or tensors changed; checksums fit again most of the time."""
    changed = dict(files)
    name = random.choice([head, *files])
    way = random.random()
    if way < 0.35:
        changed[name] = mutate(changed[name], random, limit=2**20)
    elif name.endswith(".safetensors"):
        changed[name] = _tensors_changed(changed[name], random)
    elif name == "state.json":
        first, text = changed[name].split(b"\n", 1)
        changed[name] = first + b"\n" + _json_changed(text, random)
    else:
        changed[name] = _json_changed(changed[name], random)
    if random.random() < 0.03:
        del changed[random.choice(sorted(changed))]
    return changed if random.random() < 0.2 else _signed(changed, head)


def _signed(files: Files, head: str) -> Files:
    """With the checksums that a deceiver would compute."""
    try:
        return _signed_checkpoint(files) if head == "state.json" else _signed_model(files)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return files


def _signed_model(files: Files) -> Files:
    config = json.loads(files["config.json"])
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    config["sha256"] = sums["model.safetensors"]
    if "vocabulary.json" in files:
        config["vocabulary_sha256"] = sums["vocabulary.json"]
    tokenizers = {name: sums[name] for name in files if name.endswith("tokenizer.json")}
    if tokenizers:
        config["tokenizer_sha256"] = tokenizers
    return files | {"config.json": json.dumps(config).encode()}


def _signed_checkpoint(files: Files) -> Files:
    state = json.loads(files["state.json"].split(b"\n", 1)[1])
    state["tensors"] = hashlib.sha256(files["tensors.safetensors"]).hexdigest()
    text = json.dumps(state).encode()
    first = json.dumps({"sha256": hashlib.sha256(text).hexdigest()}).encode()
    return files | {"state.json": first + b"\n" + text}


def _json_changed(content: bytes, random: Random) -> bytes:
    value = json.loads(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        places = _places(value)
        parent, key = random.choice(places)
        way = random.random()
        if way < 0.15:
            del parent[key]
        elif way < 0.3:
            other, own = random.choice(places)
            try:
                parent[key] = other[own]
            except (KeyError, IndexError):
                continue
        elif way < 0.35:
            return content.replace(b"{", b"[" * random.choice((10, 100_000)) + b"{", 1)
        else:
            parent[key] = random.choice(VALUES)
        if not _places(value):
            break
    try:
        return json.dumps(value).encode()
    except (ValueError, RecursionError):
        return content


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every value within, as what it is in and under which key; the first few of long lists."""
    found: list[tuple[Any, Any]] = []
    todo, seen = [value], set()
    while todo:
        own = todo.pop()
        if id(own) in seen or not isinstance(own, (dict, list)):
            continue
        seen.add(id(own))
        keys = list(own) if isinstance(own, dict) else list(range(min(len(own), 5)))
        found += [(own, key) for key in keys]
        todo += [own[key] for key in keys]
    return found


def _tensors_changed(content: bytes, random: Random) -> bytes:
    tensors = load(content)
    for _ in range(random.choice((1, 1, 2))):
        name = random.choice(sorted(tensors))
        tensor = tensors.pop(name)
        match random.randrange(9):
            case 0:
                pass
            case 1:
                tensors[name + "x"] = tensor
            case 2:
                tensors[name] = tensor.reshape(-1)
            case 3:
                tensors[name] = tensor[:0] if tensor.dim() else torch.zeros(0)
            case 4:
                tensors[name] = torch.cat([tensor, tensor]) if tensor.dim() else tensor.reshape(1)
            case 5:
                tensors[name] = tensor.to(
                    random.choice((torch.float64, torch.int64, torch.uint8, torch.float16, torch.bool))
                )
            case 6:
                tensors[name] = torch.full_like(tensor, random.choice((0, 1, 100, -1)))
            case 7:
                number = random.choice((float("nan"), float("inf"), -float("inf")))
                tensors[name] = torch.full_like(tensor, number) if tensor.is_floating_point() else tensor * 2**40
            case 8:
                tensors[name] = random.choice(list(tensors.values())).clone() if tensors else tensor
        if not tensors:
            break
    return save({name: tensor.contiguous() for name, tensor in tensors.items()})
