"""The choices of a text generator, checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unrolled.checks import expect, is_integer, is_number, one_of
from unrolled.models.generation.byte_pairs import BYTES

LEVELS = ("char", "subword")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `TextGenerator` documents, of the model and its text; how it trains is `unrolled.training.Options`.

    Raises:
        ValueError: a value is not what it should be; the message names the argument.
    """

    hidden_size: int
    num_layers: int
    embedding_size: int | None
    level: str
    vocabulary_size: int
    min_count: int
    tied: bool
    dropout: float
    variational: bool
    weight_dropout: float
    batch_size: int
    truncate: int
    validation_fraction: float

    def __post_init__(self) -> None:
        for name in ("hidden_size", "num_layers", "min_count", "batch_size", "truncate"):
            value = getattr(self, name)
            expect(name, value, "a positive integer", is_integer(value) and value >= 1)
        size = self.embedding_size
        expect("embedding_size", size, "a positive integer or None", size is None or (is_integer(size) and size >= 1))
        one_of("level", self.level, LEVELS)
        size = self.vocabulary_size
        expect("vocabulary_size", size, f"an integer of at least {BYTES}", is_integer(size) and size >= BYTES)
        for name in ("tied", "variational"):
            value = getattr(self, name)
            expect(name, value, "True or False", isinstance(value, (bool, np.bool_)))
        for name in ("dropout", "weight_dropout", "validation_fraction"):
            value = getattr(self, name)
            expect(name, value, "a number from 0 to below 1", is_number(value) and 0 <= value < 1)
