"""How well vectors agree with people: similarities of words, and analogies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unrolled.data.judgements import Analogies, Similarities, read_judgements
from unrolled.data.vocabulary import Vocabulary
from unrolled.models.embedding.search import nearest, unit


@dataclass(frozen=True)
class Score:
    """The result of one test.

    Attributes:
        name: of the test's file.
        kind: "similarity" or "analogies".
        value: Spearman's rank correlation of the cosines with the judgements, or the part of the questions answered
            rightly; not a number where there was nothing to score.
        used: pairs or questions scored.
        unknown: those left out, since a word is not in the vocabulary.
        sections: for analogies, value and number of questions of each section.
    """

    name: str
    kind: str
    value: float
    used: int
    unknown: int
    sections: dict[str, tuple[float, int]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        told: dict[str, Any] = {"test": self.name, "kind": self.kind, "score": _plain(self.value)}
        told |= {"used": self.used, "unknown": self.unknown}
        if self.sections:
            told["sections"] = {name: {"score": _plain(v), "used": n} for name, (v, n) in self.sections.items()}
        return told


def score(vocabulary: Vocabulary, units: Tensor, path: str | Path, *, most_frequent: int | None = 30_000) -> Score:
    """Scores vectors on a file of judgements.

    Args:
        vocabulary: the words, the most frequent first.
        units: their vectors at length 1, (words, dim).
        path: word similarities (WordSim-353, SimLex-999) or analogies (questions-words).
        most_frequent: analogies are asked and answered among so many words, None for all; similarities among all.

    Raises:
        DataError: the file cannot be read.
    """
    read = read_judgements(path)
    if isinstance(read, Similarities):
        return _similarity(vocabulary, units, read)
    return _analogies(vocabulary, units[:most_frequent], read)


def _similarity(vocabulary: Vocabulary, units: Tensor, judged: Similarities) -> Score:
    from scipy.stats import spearmanr

    number = vocabulary.number
    rows = [
        (number[a.lower()], number[b.lower()], value)
        for (a, b), value in zip(judged.pairs, judged.values, strict=True)
        if a.lower() in number and b.lower() in number
    ]
    unknown = len(judged.pairs) - len(rows)
    if len(rows) < 2:
        return Score(judged.name, "similarity", float("nan"), len(rows), unknown)
    a, b, values = (np.array(column) for column in zip(*rows, strict=True))
    cosines = (units[a] * units[b]).sum(1).numpy()
    if np.ptp(cosines) == 0 or np.ptp(values) == 0:
        return Score(judged.name, "similarity", float("nan"), len(rows), unknown)
    return Score(judged.name, "similarity", float(spearmanr(cosines, values).statistic), len(rows), unknown)


def _analogies(vocabulary: Vocabulary, units: Tensor, asked: Analogies) -> Score:
    number, right, total, unknown = vocabulary.number, 0, 0, 0
    sections = {}
    for name, questions in asked.sections.items():
        rows = [tuple(number.get(word.lower(), len(units)) for word in question) for question in questions]
        known = [row for row in rows if max(row) < len(units)]
        unknown += len(rows) - len(known)
        found = _answered(units, known)
        sections[name] = (found / len(known) if known else float("nan"), len(known))
        right, total = right + found, total + len(known)
    return Score(asked.name, "analogies", right / total if total else float("nan"), total, unknown, sections)


def _answered(units: Tensor, questions: Sequence[tuple[int, ...]]) -> int:
    """How many questions are answered rightly by 3CosAdd."""
    if not questions:
        return 0
    a, b, c, d = torch.tensor(questions).T
    queries = unit(units[b] - units[a] + units[c])
    _, found = nearest(units, queries, 1, torch.stack([a, b, c], 1))
    return int((found[:, 0] == d).sum())


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value
