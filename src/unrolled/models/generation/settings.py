"""The choices of a text generator, checked."""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.checks import MOST_LAYERS, fraction, integer, integer_or_none, one_of, truth
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
        for name in ("hidden_size", "min_count", "batch_size", "truncate"):
            integer(name, getattr(self, name))
        integer("num_layers", self.num_layers, most=MOST_LAYERS)
        integer_or_none("embedding_size", self.embedding_size)
        one_of("level", self.level, LEVELS)
        integer("vocabulary_size", self.vocabulary_size, least=BYTES)
        for name in ("tied", "variational"):
            truth(name, getattr(self, name))
        for name in ("dropout", "weight_dropout", "validation_fraction"):
            fraction(name, getattr(self, name))
