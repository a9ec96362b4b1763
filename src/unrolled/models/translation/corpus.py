"""Pairs as token numbers, four bytes each, from which batches are gathered."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np
import torch
from torch import Tensor

from unrolled.models.translation.network import Batch
from unrolled.models.translation.tokenizer import END, PAD, Subwords

# Pairs that are made tokens at once.
CHUNK = 10_000


@dataclass(frozen=True, eq=False)
class Tokens:
    """Sentences of token numbers, one after the other.

    Args:
        values: (all tokens + 1,), int32; the last is padding.
        offsets: (sentences,), int64: where each begins.
        lengths: (sentences,), int64.
    """

    values: Tensor
    offsets: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, sentences: Iterable[list[int]]) -> Self:
        """Collects sentences."""
        flat, lengths = array("i"), array("q")
        for sentence in sentences:
            flat.extend(sentence)
            lengths.append(len(sentence))
        flat.append(PAD)
        each = torch.from_numpy(np.frombuffer(lengths, np.int64).copy()) if lengths else torch.zeros(0).long()
        return cls(torch.from_numpy(np.frombuffer(flat, np.int32).copy()), each.cumsum(0) - each, each)

    def sentence(self, index: int) -> list[int]:
        """One sentence."""
        start = int(self.offsets[index])
        return self.values[start : start + int(self.lengths[index])].tolist()

    def batch(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Some sentences (batch, time), int64, padded to the longest, and their lengths (batch,)."""
        lengths = self.lengths[indices]
        steps = torch.arange(int(lengths.max()) if len(lengths) else 0)
        places = self.offsets[indices][:, None] + steps
        places = torch.where(steps < lengths[:, None], places, len(self.values) - 1)
        return self.values[places].long(), lengths


@dataclass(frozen=True, eq=False)
class Corpus:
    """Pairs of sentences as tokens; both sides end with the end token.

    Args:
        source, target: the sides.
        dropped: pairs that were left out, since a side was empty or too long.
    """

    source: Tokens
    target: Tokens
    dropped: int

    @classmethod
    def of(
        cls,
        pairs: Iterable[tuple[str, str]],
        subwords: tuple[Subwords, Subwords],
        *,
        longest: int | None,
        reverse_source: bool,
    ) -> Self:
        """Makes text tokens.

        Args:
            pairs: of sentences.
            subwords: of source and target.
            longest: most tokens of a side, without the end; None for any.
            reverse_source: whether each source sentence is turned around (Sutskever, Vinyals, Le 2014).
        """
        source, target = array("i"), array("i")
        lengths: tuple[list[int], list[int]] = ([], [])
        dropped = 0
        for chunk in _chunks(pairs):
            encoded = (kind.encode(lines) for kind, lines in zip(subwords, zip(*chunk, strict=True), strict=True))
            for left, right in zip(*encoded, strict=True):
                if not left or not right or (longest is not None and max(len(left), len(right)) > longest):
                    dropped += 1
                    continue
                source.extend(source_tokens(left, reverse_source))
                target.extend([*right, END])
                lengths[0].append(len(left) + 1)
                lengths[1].append(len(right) + 1)
        return cls(_tokens(source, lengths[0]), _tokens(target, lengths[1]), dropped)

    def __len__(self) -> int:
        return len(self.source.lengths)

    @property
    def lengths(self) -> Tensor:
        """(pairs, 2), the end tokens counted."""
        return torch.stack([self.source.lengths, self.target.lengths], 1)

    def batch(self, indices: Tensor, device: torch.device) -> Batch:
        """Some pairs, on a device."""
        source, source_lengths = self.source.batch(indices)
        target, target_lengths = self.target.batch(indices)
        return Batch(source.to(device), source_lengths, target.to(device), target_lengths)


def source_tokens(tokens: list[int], reverse: bool) -> list[int]:
    """What the encoder reads."""
    return [*(tokens[::-1] if reverse else tokens), END]


def _tokens(flat: array[int], lengths: list[int]) -> Tokens:
    flat.append(PAD)
    each = torch.tensor(lengths, dtype=torch.int64)
    return Tokens(torch.from_numpy(np.frombuffer(flat, np.int32).copy()), each.cumsum(0) - each, each)


def _chunks(pairs: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    stream = iter(pairs)
    while chunk := list(islice(stream, CHUNK)):
        yield chunk
