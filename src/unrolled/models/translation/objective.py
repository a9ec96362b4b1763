"""What a translator is trained on, and what it is judged by meanwhile."""

from __future__ import annotations

from math import exp
from typing import Any

import torch
from torch import Tensor

from unrolled.data import token_batches
from unrolled.models.translation.corpus import Corpus
from unrolled.models.translation.decoding import Choices, Decoding
from unrolled.models.translation.score import scored
from unrolled.models.translation.settings import Settings
from unrolled.training import Callback, Loss, Progress

# Tokens of a batch where no gradients are kept.
SCORED_TOKENS = 4000


class Cost(Callback):
    """What a batch costs; scheduled sampling grows as training goes on.

    Args:
        corpus: the pairs, of which a batch is some indices.
        device: where the network is.
        settings: the translator's.
    """

    in_every_process = True

    def __init__(self, corpus: Corpus, device: torch.device, settings: Settings) -> None:
        self.corpus, self.device = corpus, device
        self.smoothing, self.sampling = float(settings.label_smoothing), float(settings.scheduled_sampling)
        self.samples = None if settings.softmax_samples is None else int(settings.softmax_samples)
        self.done = 0.0

    def on_start(self, module: Any, progress: Progress) -> None:
        """A run that is resumed has some of it done."""
        self.on_step(module, progress)

    def on_step(self, module: Any, progress: Progress) -> None:
        """Notes how much of the run is done."""
        self.done = (progress.epoch + progress.step / max(progress.steps, 1)) / progress.epochs

    def __call__(self, network: Any, batch: Tensor) -> Loss:
        """The mean cross-entropy of these pairs."""
        pairs = self.corpus.batch(batch, self.device)
        mean, count = network.loss(
            pairs, smoothing=self.smoothing, sampled=self.sampling * self.done, samples=self.samples
        )
        return Loss(mean, count, {})


class Validation:
    """Loss, perplexity and, if asked for, BLEU of greedy decoding, of pairs that are not trained on.

    Args:
        corpus: pairs.
        held: indices of those to judge by.
        decoding: of the network that is trained; None for no BLEU.
    """

    def __init__(self, corpus: Corpus, held: Tensor, decoding: Decoding | None) -> None:
        self.corpus, self.held, self.decoding = corpus, held, decoding

    def __call__(self, network: Any) -> dict[str, float]:
        """Of the network as it is now, by the names that `history_` has."""
        device = next(network.parameters()).device
        total, tokens = 0.0, int(self.corpus.target.lengths[self.held].sum())
        for batch in token_batches(self.corpus.lengths[self.held], SCORED_TOKENS):
            mean, count = network.loss(self.corpus.batch(self.held[batch], device))
            total += float(mean) * count
        found = {"validation_loss": total / tokens, "validation_perplexity": exp(min(total / tokens, 700.0))}
        if self.decoding is not None:
            found["validation_bleu"] = self._bleu(self.decoding)
        return found

    def _bleu(self, decoding: Decoding) -> float:
        sides = []
        for side, kind in zip((self.corpus.source, self.corpus.target), decoding.subwords, strict=True):
            tokens = (side.sentence(index)[:-1] for index in self.held.tolist())
            turn = decoding.reverse_source and side is self.corpus.source
            sides.append([kind.decode(one[::-1] if turn else one) for one in tokens])
        told = [best.text for best, *_ in decoding(sides[0], Choices(beam=0))]
        return scored(told, sides[1]).bleu
