"""The choices of a translator, checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unrolled.checks import expect, is_integer, is_number, is_one_of, one_of
from unrolled.models.translation.tokenizer import KINDS as SUBWORDS
from unrolled.models.translation.tokenizer import SPECIAL
from unrolled.nn.attention import KINDS as ATTENTION

MONITORS = ("loss", "bleu")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `Translator` documents, of the model and its text; how it trains is `unrolled.training.Options`.

    Raises:
        ValueError: a value is not what it should be; the message names the argument.
    """

    hidden_size: int
    embedding_size: int
    num_layers: int
    bidirectional: bool
    attention: str | None
    input_feeding: bool
    reverse_source: bool
    tied: bool
    dropout: float
    variational: bool
    label_smoothing: float
    scheduled_sampling: float
    softmax_samples: int | None
    vocabulary_size: int
    subwords: str
    max_length: int
    batch_tokens: int
    monitor: str
    validation_fraction: float

    def __post_init__(self) -> None:
        for name in ("hidden_size", "embedding_size", "num_layers", "max_length", "batch_tokens"):
            value = getattr(self, name)
            expect(name, value, "a positive integer", is_integer(value) and value >= 1)
        samples = self.softmax_samples
        counts = samples is None or (is_integer(samples) and samples >= 1)
        expect("softmax_samples", samples, "a positive integer or None", counts)
        for name in ("bidirectional", "input_feeding", "reverse_source", "tied", "variational"):
            value = getattr(self, name)
            expect(name, value, "True or False", isinstance(value, (bool, np.bool_)))
        for name in ("dropout", "label_smoothing", "scheduled_sampling", "validation_fraction"):
            value = getattr(self, name)
            expect(name, value, "a number from 0 to below 1", is_number(value) and 0 <= value < 1)
        size = self.vocabulary_size
        expect("vocabulary_size", size, f"an integer above {len(SPECIAL)}", is_integer(size) and size > len(SPECIAL))
        for name, known in (("subwords", SUBWORDS), ("monitor", MONITORS)):
            value = getattr(self, name)
            one_of(name, value, known)
        attention = self.attention
        kinds = f"one of {', '.join(ATTENTION)}, or None"
        expect("attention", attention, kinds, attention is None or is_one_of(attention, ATTENTION))
        if self.input_feeding and attention is None:
            raise ValueError("input_feeding: expected False, as there is no attention to feed; found True")
