"""What only a GPU can show: capture by users, that nothing waits, less memory, the choice, models; see `elsewhere`."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import unrolled
from unrolled import Forecaster, SequenceClassifier, TextGenerator, Translator, cells
from unrolled.compiler.gpu import choose
from unrolled.training import Callback, Interrupted, Progress

assert torch.cuda.is_available()
BACKENDS = ["triton", "auto"]


def drawn(lengths: bool) -> tuple[Tensor, Tensor | None]:
    return torch.randn(3, 5, 4, device="cuda"), torch.randint(0, 6, (3,), device="cuda") if lengths else None


def gradients(cell: cells.Cell, x: Tensor, lengths: Tensor | None, backend: str, **options: Any) -> list[Tensor]:
    """Outputs, the last state, and the gradients of inputs and parameters."""
    outputs, state = unrolled.unroll(cell, x, lengths, backend=backend, **options)
    return [outputs, *state, *torch.autograd.grad(outputs.sin().sum(), [x, *cell.parameters()])]


def assert_as_reference(found: list[Tensor], cell: cells.Cell, x: Tensor, lengths: Tensor | None) -> None:
    for one, expected in zip(found, gradients(cell, x, lengths, "reference"), strict=True):
        torch.testing.assert_close(one, expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def cell() -> cells.Cell:
    torch.manual_seed(0)
    return cells.PeepholeLSTM(4, 20, device="cuda")


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
def test_captured_in_a_users_graph(backend: str, ragged: bool, cell: cells.Cell) -> None:
    x, lengths = drawn(ragged)
    x.requires_grad_()
    # As torch asks of every capture: once before, on another stream.
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        gradients(cell, x, lengths, backend)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = gradients(cell, x, lengths, backend)
    for _ in range(2):
        other, its_lengths = drawn(ragged)
        with torch.no_grad():
            x.copy_(other)
            if lengths is not None and its_lengths is not None:
                lengths.copy_(its_lengths)
            for parameter in cell.parameters():
                parameter.mul_(0.9)
        graph.replay()
        assert_as_reference(found, cell, x, lengths)


@pytest.fixture
def without_waiting() -> Iterator[Callable[[], None]]:
    """From when it is called, what makes the host wait for the device is an error."""
    yield lambda: torch.cuda.set_sync_debug_mode("error")
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_host_never_waits(backend: str, cell: cells.Cell, without_waiting: Callable[[], None]) -> None:
    x, lengths = drawn(True)
    x.requires_grad_()
    for turn in range(4):
        # Which way is the fastest is found in the first; a loop is recorded when its shape has come again.
        if turn == 3:
            without_waiting()
        gradients(cell, x, lengths, backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "memory", [{"checkpoint": "every:2"}, {"offload": True}, {"checkpoint": "all", "offload": True}]
)
def test_less_memory(backend: str, memory: dict[str, Any], cell: cells.Cell) -> None:
    x, lengths = drawn(True)
    x.requires_grad_()
    assert_as_reference(gradients(cell, x, lengths, backend, **memory), cell, x, lengths)


def test_auto_takes_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: cells.Cell) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))
    monkeypatch.setattr(choose, "_found", {})
    x, lengths = drawn(True)
    x.requires_grad_()
    assert_as_reference(gradients(cell, x, lengths, "auto"), cell, x, lengths)
    assert unrolled.explain(cell, x, lengths).chosen in ("triton", "reference")
    assert list(tmp_path.iterdir())


OPTIONS: dict[str, Any] = {"hidden_size": 8, "epochs": 2, "random_state": 0, "device": "cuda"}


def test_a_classifier_moves_to_the_cpu(tmp_path: Path) -> None:
    rows = [np.random.default_rng(i).normal(size=(1 + i % 7, 3)).astype(np.float32) for i in range(24)]
    classifier = SequenceClassifier(cell="gru", **OPTIONS).fit(rows, [i % 2 for i in range(24)])
    classifier.save(tmp_path / "classifier")
    loaded = SequenceClassifier.load(tmp_path / "classifier", device="cpu")
    np.testing.assert_allclose(loaded.predict_proba(rows), classifier.predict_proba(rows), atol=1e-4)


@pytest.mark.parametrize("head", ["direct", "recursive"])
def test_a_forecaster(head: str) -> None:
    series = np.sin(np.arange(120) / 4).astype(np.float32)
    forecaster = Forecaster(horizon=4, window=12, head=head, **OPTIONS).fit(series)
    assert np.isfinite(forecaster.predict()).all()


def test_a_translator() -> None:
    # The decoder begins with what the encoder ends with.
    english, french = ["a b", "b c d", "a"] * 8, ["x y", "y z", "x"] * 8
    translator = Translator(embedding_size=8, vocabulary_size=30, **OPTIONS).fit(english, french)
    assert len(translator.translate(english[:3])) == 3


class Stops(Callback):
    """Asks for the run to stop in its second epoch."""

    def on_step(self, module: Any, progress: Progress) -> None:
        if progress.epoch == 1:
            signal.raise_signal(signal.SIGINT)


def test_a_text_generator_goes_on(tmp_path: Path) -> None:
    def made(**options: Any) -> TextGenerator:
        return TextGenerator(average=2, dropout=0.2, variational=True, **OPTIONS, **options)

    text = "to be or not to be " * 40
    whole = made().fit(text)
    with pytest.raises(Interrupted):
        made(callbacks=[Stops()]).fit(text, checkpoints=tmp_path)
    resumed = made().fit(text, checkpoints=tmp_path, resume=True)
    for one, other in zip(resumed.network_.parameters(), whole.network_.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert len(resumed.sample(n=20, random_state=0)) == 20
