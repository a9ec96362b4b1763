"""Which words of a sentence each word of its translation looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.checks import PICTURES, as_new_file
from unrolled.models.translation.network import Batch, TranslationNetwork
from unrolled.models.translation.tokenizer import END, START


@dataclass(frozen=True)
class Alignment:
    """Attention's weights for one sentence.

    Attributes:
        source: tokens of the sentence, the end token last.
        target: tokens of its translation, the end token last.
        weights: (target, source), float32; every row sums to 1.
    """

    source: list[str]
    target: list[str]
    weights: NDArray[np.float32]

    def save(self, path: str | Path) -> None:
        """Draws them (.png, .pdf, .svg).

        Raises:
            ValueError: the path ends in none of these, or there is no such folder.
        """
        from unrolled.plots import attention

        path = as_new_file("path", path, PICTURES)
        attention(self.weights, self.source, self.target).savefig(path, dpi=120)


@torch.no_grad()
def aligned(network: TranslationNetwork, source: list[int], target: list[int]) -> Tensor:
    """Weights (target, source) under teacher forcing, of tokens with the end token."""
    device = next(network.parameters()).device
    rows = Batch(
        torch.tensor([source], device=device),
        torch.tensor([len(source)]),
        torch.tensor([target], device=device),
        torch.tensor([len(target)]),
    )
    fed = torch.tensor([[START, *target[:-1]]], device=device)
    assert target[-1] == END
    _, weights = network.decoder(fed, rows.target_lengths, network.start(rows.source, rows.source_lengths))
    assert weights is not None
    return weights[0].cpu()  # type: ignore[no-any-return]
