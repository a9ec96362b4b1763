"""The choices of a translator, checked."""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.checks import MOST_LAYERS, expect, fraction, integer, integer_or_none, is_one_of, one_of, truth
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
        for name in ("hidden_size", "embedding_size", "max_length", "batch_tokens"):
            integer(name, getattr(self, name))
        integer("num_layers", self.num_layers, most=MOST_LAYERS)
        integer_or_none("softmax_samples", self.softmax_samples)
        for name in ("bidirectional", "input_feeding", "reverse_source", "tied", "variational"):
            truth(name, getattr(self, name))
        for name in ("dropout", "label_smoothing", "scheduled_sampling", "validation_fraction"):
            fraction(name, getattr(self, name))
        integer("vocabulary_size", self.vocabulary_size, least=len(SPECIAL) + 1)
        for name, known in (("subwords", SUBWORDS), ("monitor", MONITORS)):
            one_of(name, getattr(self, name), known)
        attention = self.attention
        kinds = f"one of {', '.join(ATTENTION)}, or None"
        expect("attention", attention, kinds, attention is None or is_one_of(attention, ATTENTION))
        if self.input_feeding and attention is None:
            raise ValueError("input_feeding: expected False, as there is no attention to feed; found True")
