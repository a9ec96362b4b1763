"""How well a model predicts a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import exp, log
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.models.generation.network import GeneratorNetwork
from unrolled.models.generation.tokens import as_tensor

# Steps at a time; the state is carried, so that their number makes no difference.
STEPS = 2048
# The logarithm of the largest number.
LARGEST = 709.0


@dataclass(frozen=True)
class TextScore:
    """How well a text was predicted, each symbol from all before it.

    Attributes:
        nats_per_token: mean cross-entropy of a symbol: natural logarithm, negative.
        nats_per_character, bits_per_character: of all symbols, the ends of documents among them, over the number of
            characters; what models of characters and of subwords can be compared by.
        perplexity, character_perplexity: exp of nats per token, and per character.
        tokens: symbols that were predicted.
        characters: of the text.
        unknown: characters that the model has no symbol for, and predicted as unknown.
    """

    nats_per_token: float
    nats_per_character: float
    bits_per_character: float
    perplexity: float
    character_perplexity: float
    tokens: int
    characters: int
    unknown: int

    @classmethod
    def of(cls, nats: float, tokens: int, characters: int, unknown: int) -> TextScore:
        """The score for so many nats in all."""
        token, character = nats / tokens, nats / characters
        return cls(
            nats_per_token=token,
            nats_per_character=character,
            bits_per_character=character / log(2),
            perplexity=exp(min(token, LARGEST)),
            character_perplexity=exp(min(character, LARGEST)),
            tokens=tokens,
            characters=characters,
            unknown=unknown,
        )

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@torch.no_grad()
def log_probabilities(
    network: GeneratorNetwork, values: NDArray[Any], before: int, steps: int = STEPS
) -> Iterator[Tensor]:
    """The natural logarithm of the probability of each token, given all before it, some steps at a time.

    Args:
        network: in evaluation mode.
        values: (tokens,), numbers of symbols.
        before: the symbol before the first.
        steps: at a time.
    """
    device = network.bias.device
    state, last = None, torch.tensor([before])
    for start in range(0, len(values), steps):
        told = as_tensor(values[start : start + steps])
        read = torch.cat([last, told[:-1]])
        outputs, state = network(read[:, None].to(device), state)
        each = network.log_probabilities(outputs[:, 0])
        yield each.gather(1, told[:, None].to(device))[:, 0].double().cpu()
        last = told[-1:]
