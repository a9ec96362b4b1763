"""Every example runs, and shows what it says."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch

EXAMPLES = Path(__file__).parent.parent / "examples"


def shown(name: str, **options: Any) -> Any:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](**options)


def test_every_example_is_tested_and_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f'shown("{path.stem}"' in Path(__file__).read_text(encoding="utf-8")
        assert f"]({path.name})" in listed


def test_by_hand() -> None:
    ways = shown("by_hand")
    for outputs in ways.values():
        torch.testing.assert_close(outputs, ways["by hand"])


def test_deep() -> None:
    found = shown("deep")
    assert found["outputs"] == (2, 5, 100)
    assert found["states"] == [(2, 100)] * 3
    assert found["different weights"]
    assert found["steps of the first layer"] == 5
    assert found["last step is the final state"]


def test_variable_length() -> None:
    found = shown("variable_length")
    assert (found["outputs"][1, 1] == 0).all()
    torch.testing.assert_close(found["state"][1], found["outputs"][1, 0])
    torch.testing.assert_close(found["state"][0], found["outputs"][0, 1])


def test_shapes() -> None:
    found = shown("shapes")
    assert found["sequence to sequence, mean squared error"] < 0.02
    assert found["sequence to vector, accuracy"] > 0.9
    assert found["vector to sequence, mean squared error"] < 0.05
    assert found["encoder-decoder, wholly right"] > 0.85


def test_dropout() -> None:
    found = shown("dropout", iterations=150, first=0.0)
    assert found["random in training"]
    assert found["fixed in evaluation"]
    assert found["restored is the same"]
    test, training = found["summed squared error in the test"], found["summed squared error with dropout"]
    assert test < training < 0.2 * found["and of the targets' mean"]


def test_vector_to_sequence() -> None:
    assert shown("vector_to_sequence")["right"] > 0.95


def test_word_vectors() -> None:
    found = shown("word_vectors")
    assert found["each finds its kind"]
    assert set(found["like cat"]) == {"dog", "cow", "horse", "sheep", "goat"}
    assert found["map"] > 5_000


def test_time_series(tmp_path: Path) -> None:
    found = shown("time_series", iterations=60, more=20, count=30, folder=str(tmp_path))
    assert found["forms differ by"] < 1e-4
    assert found["stacked: error a target"] == pytest.approx(found["per_step: error a target"], rel=1e-3)
    # The targets' variance is 19.
    assert found["stacked, trained on: error a target"] < found["stacked: error a target"] < 1
    for name in ("zeros", "a real start"):
        assert found[f"from {name}, by windows"].shape == found[f"from {name}, streamed"].shape == (50,)
        # The first value that is generated, both get from the seed alone.
        torch.testing.assert_close(found[f"from {name}, by windows"][:21], found[f"from {name}, streamed"][:21])
        assert found[f"from {name}, streamed: off the whole sequence by"] < 1e-4
    assert {path.name for path in tmp_path.iterdir()} == {"windows.png", "creative.png"}


def test_memory(tmp_path: Path) -> None:
    found = shown("memory", longest=20, iterations=150, units=24, folder=str(tmp_path))
    (lags, plain), (_, gated) = (found["adding"][name] for name in ("RNN", "GRU"))
    assert lags == [1, 2, 5, 10, 15, 20]
    assert gated[-1] < 0.7 * plain[-1]
    norms = {name: curve[1] for name, curve in found["gradient, adding"].items()}
    assert len(norms["RNN"]) == 21
    assert norms["GRU"][-1] > 10 * norms["RNN"][-1]
    names = {"copying.png", "adding.png", "gradient_copying.png", "gradient_adding.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
