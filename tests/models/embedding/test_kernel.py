"""The compiled loops against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from unrolled.compiler import target
from unrolled.models.embedding import kernel as kernels

LR = 0.02
ROWS, WORDS = 600, 150


@pytest.fixture(params=["avx512", "avx2"])
def machine(request, monkeypatch):
    """This machine, and what it would be with narrower registers."""
    monkeypatch.setenv("UNROLLED_SIMD", request.param)
    found = target.host.__wrapped__()
    if found.name != request.param:
        pytest.skip(f"this machine has no {request.param}")
    monkeypatch.setattr(kernels, "host", lambda: found)
    return found


class Problem:
    """Tables and noise, and what training on them should give."""

    def __init__(self, kind: str, dim: int, negative: int, biased: bool) -> None:
        self.random = np.random.default_rng(0)
        self.kernel = kernels.Kernel(kind, dim, negative, biased=biased)
        self.negative, self.biased = negative, biased
        self.inputs, self.outputs = (self._table(count, dim) for count in (ROWS, ROWS + 1))
        self.biases = self.random.normal(size=ROWS + 1).astype(np.float32)
        self.offsets = self.random.normal(size=ROWS + 1).astype(np.float32)
        # No word twice within a tile: of two changes to one row in a tile the second would count alone.
        self.words = self.random.permutation(ROWS)[:WORDS].astype(np.int32)
        noise = [self.random.permutation(ROWS)[:negative] for _ in range(WORDS)]
        self.negatives = np.array(noise, np.int32)

    def _table(self, count: int, dim: int) -> np.ndarray:
        table = np.zeros((count, self.kernel.pitch), np.float32)
        table[:, :dim] = self.random.normal(size=(count, dim)) * 0.3
        return table

    def run(self, **arrays: np.ndarray) -> float:
        rate, loss = np.array([LR], np.float32), np.zeros(self.kernel.lanes, np.float32)
        arrays |= {"rate": rate, "loss": loss, "negatives": self.negatives}
        arrays |= {"inputs": self.inputs, "outputs": self.outputs}
        if self.biased:
            arrays |= {"biases": self.biases, "offsets": self.offsets}
        self.kernel(count=WORDS, sink=ROWS, **{name: array.ctypes.data for name, array in arrays.items()})
        return float(loss.sum())

    def outputs_of(self, word: int, i: int) -> np.ndarray:
        return np.array([word, *np.where(self.negatives[i] == word, ROWS, self.negatives[i])])

    def step(self, tables: list[np.ndarray], vectors: np.ndarray, outs: np.ndarray, first: bool) -> tuple:
        """Gradient step of a few input vectors on a few outputs: new vectors, and the loss."""
        _, outputs, biases = tables
        own = outputs[outs].copy()
        x = vectors @ own.T + ((biases + self.offsets)[outs] if self.biased else 0)
        y = np.zeros_like(x)
        y[:, 0] = first
        gradient = LR * (y - 1 / (1 + np.exp(-x)))
        outputs[outs] = own + gradient.T @ vectors
        if self.biased:
            biases[outs] += gradient.sum(0)
        return vectors + gradient @ own, float(np.logaddexp(0, np.where(y > 0, -x, x)).sum())


def expected_windows(problem: Problem, lefts, rights, machine) -> tuple[list[np.ndarray], float]:
    tables = [table.astype(np.float64) for table in (problem.inputs, problem.outputs, problem.biases)]
    total, (rows, columns) = 0.0, (4, 6) if machine.registers >= 32 else (2, 4)
    for i, word in enumerate(problem.words):
        outs = problem.outputs_of(word, i)
        contexts = [problem.words[j] for j in range(lefts[i], rights[i]) if j != i]
        while contexts:
            size = next(size for size in (rows, rows // 2, 1) if 0 < size <= len(contexts))
            own, contexts = contexts[:size], contexts[size:]
            for first in range(0, len(outs), columns):
                part = outs[first : first + columns]
                tables[0][own], loss = problem.step(tables, tables[0][own], part, first == 0)
                total += loss
    return tables, total


@pytest.mark.parametrize(("dim", "negative", "biased"), [(128, 5, False), (20, 1, False), (50, 13, True)])
def test_windows(dim: int, negative: int, biased: bool, machine) -> None:
    problem = Problem("windows", dim, negative, biased)
    place = np.arange(WORDS, dtype=np.int32)
    lefts = np.maximum(place - problem.random.integers(0, 6, WORDS), 0).astype(np.int32)
    rights = np.minimum(place + 1 + problem.random.integers(0, 6, WORDS), WORDS).astype(np.int32)
    expected, loss = expected_windows(problem, lefts, rights, machine)
    found = problem.run(words=problem.words, lefts=lefts, rights=rights)
    np.testing.assert_allclose(problem.inputs, expected[0], atol=1e-5)
    np.testing.assert_allclose(problem.outputs, expected[1], atol=1e-5)
    np.testing.assert_allclose(problem.biases, expected[2], atol=1e-5)
    assert found == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize(("dim", "negative", "biased"), [(40, 5, False), (16, 7, True)])
def test_bags(dim: int, negative: int, biased: bool, machine) -> None:
    problem = Problem("bags", dim, negative, biased)
    sizes, targets_each = problem.random.integers(1, 5, WORDS), problem.random.integers(0, 3, WORDS)
    row_ends, target_ends = (np.append(0, np.cumsum(counts)).astype(np.int32) for counts in (sizes, targets_each))
    rows = np.concatenate([problem.random.permutation(ROWS)[:size] for size in sizes]).astype(np.int32)
    targets = problem.random.integers(0, ROWS, target_ends[-1]).astype(np.int32)
    tables = [table.astype(np.float64) for table in (problem.inputs, problem.outputs, problem.biases)]
    total, columns = 0.0, 6 if machine.registers >= 32 else 4
    for i in range(WORDS):
        bag = rows[row_ends[i] : row_ends[i + 1]]
        before = after = tables[0][bag].mean(0, keepdims=True)
        for target_word in targets[target_ends[i] : target_ends[i + 1]]:
            outs = problem.outputs_of(target_word, i)
            for first in range(0, len(outs), columns):
                after, loss = problem.step(tables, after, outs[first : first + columns], first == 0)
                total += loss
        tables[0][bag] += after - before
    found = problem.run(rows=rows, row_ends=row_ends, targets=targets, target_ends=target_ends)
    np.testing.assert_allclose(problem.inputs, tables[0], atol=1e-5)
    np.testing.assert_allclose(problem.outputs, tables[1], atol=1e-5)
    np.testing.assert_allclose(problem.biases, tables[2], atol=1e-5)
    assert found == pytest.approx(total, rel=1e-5)


def test_no_words_are_no_work() -> None:
    problem = Problem("windows", 16, 2, False)
    before = problem.inputs.copy()
    problem.kernel(**(dict.fromkeys(problem.kernel.names, 0) | {"rate": problem.offsets.ctypes.data}))
    np.testing.assert_array_equal(problem.inputs, before)
