"""The choices of a training run, checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unrolled.checks import at_least_0, expect, integer, integer_or_none, is_integer, is_number, one_of, truth

LOSSES = ("negative-sampling", "nce")
ARCHITECTURES = ("skip-gram", "cbow")
NOISES = ("unigram", "log-uniform")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `WordVectors` documents, with nothing left to guess.

    Raises:
        ValueError: a value is not what it should be; the message names the argument.
    """

    dim: int
    window: int
    negative: int
    loss: str
    architecture: str
    dynamic_window: bool
    noise: str
    shared_by: int
    subwords: tuple[int, int] | None
    buckets: int
    min_count: int
    max_vocab: int | None
    unknown: bool
    subsample: float
    epochs: int
    lr: float
    min_lr: float

    def __post_init__(self) -> None:
        for name in ("dim", "window", "negative", "shared_by", "buckets", "min_count", "epochs"):
            integer(name, getattr(self, name))
        integer_or_none("max_vocab", self.max_vocab, least=2)
        for name, known in (("loss", LOSSES), ("architecture", ARCHITECTURES), ("noise", NOISES)):
            one_of(name, getattr(self, name), known)
        for name in ("subsample", "min_lr"):
            at_least_0(name, getattr(self, name))
        expect("lr", self.lr, "a positive number", is_number(self.lr) and self.lr > 0)
        for name in ("dynamic_window", "unknown"):
            truth(name, getattr(self, name))
        pair = self.subwords
        fits = pair is None or (
            isinstance(pair, (tuple, list))
            and len(pair) == 2
            and all(is_integer(one) for one in pair)
            and 1 <= pair[0] <= pair[1]
        )
        expect("subwords", pair, "None or a pair (shortest, longest) of piece lengths", fits)

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            name: value.item() if isinstance(value, np.generic) else list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
