"""What is learned: the tables of inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unrolled.models.embedding.kernel import pitch


@dataclass
class Parameters:
    """Tables in memory, rows a pitch apart.

    Attributes:
        inputs: (words + buckets of subwords, pitch); the vectors that are kept.
        outputs: (words + 1, pitch); the last row takes noise that is the word itself, and is never used.
        biases: (words + 1,), of the outputs.
    """

    inputs: Tensor
    outputs: Tensor
    biases: Tensor

    @classmethod
    def initial(cls, words: int, buckets: int, dim: int, seed: int) -> Parameters:
        """Small random inputs, and outputs of zero, as word2vec begins."""
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.zeros(words + buckets, pitch(dim))
        inputs[:, :dim] = (torch.rand(words + buckets, dim, generator=generator) - 0.5) / dim
        return cls(inputs, torch.zeros(words + 1, pitch(dim)), torch.zeros(words + 1))

    def named(self) -> dict[str, Tensor]:
        """By name, for a checkpoint."""
        return {"inputs": self.inputs, "outputs": self.outputs, "biases": self.biases}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Takes the values of a checkpoint.

        Raises:
            KeyError, ValueError: it has not these tables.
        """
        for name, own in self.named().items():
            if tensors[name].shape != own.shape:
                raise ValueError(f"{name}: expected shape {tuple(own.shape)}, found {tuple(tensors[name].shape)}")
            own.copy_(tensors[name])
