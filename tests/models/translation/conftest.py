"""Small networks whose choices are clear, and a translator that has learned a small language."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from unrolled import Translator, cells
from unrolled.models.translation.decoder import Decoder
from unrolled.models.translation.encoder import Encoder
from unrolled.models.translation.network import Batch, TranslationNetwork
from unrolled.models.translation.tokenizer import END

WORDS = ["red", "blue", "green", "cat", "dog", "bird", "runs", "eats", "sleeps", "big", "small", "old"]
SMALL = {
    "hidden_size": 48,
    "embedding_size": 32,
    "vocabulary_size": 120,
    "epochs": 12,
    "batch_tokens": 300,
    "lr": 1e-2,
    "dropout": 0.1,
    "random_state": 0,
}


def network(vocabulary: int = 9, *, cell: str = "gru", seed: int = 0, spread: float = 6.0, **options: Any) -> Any:
    """A random network in evaluation mode; its logits are spread so that no two sentences are about as likely."""
    given = {"num_layers": 1, "attention": "luong", "input_feeding": False, "tied": True, "bidirectional": True}
    given |= {"dropout": 0.0, "variational": False} | options
    of_decoder = {name: given.pop(name) for name in ("attention", "input_feeding", "tied")}
    torch.manual_seed(seed)

    def make(size: int) -> Any:
        return cells.make(cell, size, 10)

    encoder = Encoder(vocabulary, 6, make, **given)
    del given["bidirectional"]
    decoder = Decoder(vocabulary, 6, make, encoder.output_size, **given, **of_decoder)
    made = TranslationNetwork(encoder, decoder).eval()
    with torch.no_grad():
        decoder.attentional.weight.mul_(spread)
        decoder.bias.copy_(torch.randn(vocabulary))
    return made


def sources(count: int, vocabulary: int = 9, *, longest: int = 7, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Random sources, ended by the end token; in the padding lie tokens that must not matter."""
    random_numbers = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest + 1, (count,), generator=random_numbers)
    tokens = torch.randint(4, vocabulary, (count, int(lengths.max())), generator=random_numbers)
    tokens[torch.arange(count), lengths - 1] = END
    return tokens, lengths


def batch_of(count: int, vocabulary: int = 9) -> Batch:
    """Random pairs."""
    return Batch(*sources(count, vocabulary), *sources(count, vocabulary, seed=2))


def sentences(count: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Some words, and their translation: in capitals and from the end."""
    draw = random.Random(seed)
    source = [" ".join(draw.choices(WORDS, k=draw.randint(1, 5))) for _ in range(count)]
    return source, [" ".join(reversed([word.upper() for word in line.split()])) for line in source]


@pytest.fixture(scope="session")
def translator() -> Translator:
    return Translator(**SMALL).fit(*sentences(600))
