"""The network of a translator: encoder, decoder, and what a batch of pairs costs."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.models.translation.decoder import Decoder, DecoderState
from unrolled.models.translation.encoder import Encoder, MakeCell
from unrolled.models.translation.settings import Settings
from unrolled.models.translation.tokenizer import START
from unrolled.nn.sampled_softmax import sampled_softmax_loss
from unrolled.nn.softmax_loss import softmax_loss


class Batch(NamedTuple):
    """Pairs of sentences.

    Attributes:
        source: (batch, source time), int64, padded.
        source_lengths: (batch,).
        target: (batch, target time), each row ended by the end token, padded.
        target_lengths: (batch,), the end token counted.
    """

    source: Tensor
    source_lengths: Tensor
    target: Tensor
    target_lengths: Tensor


class TranslationNetwork(nn.Module):
    """Encoder and decoder.

    Args:
        encoder, decoder: the parts; the decoder's layers are the encoder's in number and cell.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    @classmethod
    def of(cls, settings: Settings, make_cell: MakeCell, source_tokens: int, target_tokens: int) -> Self:
        """The network of a translator's settings, for so many tokens of each language."""
        size = int(settings.embedding_size)
        common: dict[str, Any] = {
            "num_layers": int(settings.num_layers),
            "dropout": float(settings.dropout),
            "variational": bool(settings.variational),
        }
        encoder = Encoder(source_tokens, size, make_cell, bidirectional=bool(settings.bidirectional), **common)
        decoder = Decoder(
            target_tokens,
            size,
            make_cell,
            encoder.output_size,
            attention=settings.attention,
            input_feeding=bool(settings.input_feeding),
            tied=bool(settings.tied),
            **common,
        )
        return cls(encoder, decoder)

    def start(self, source: Tensor, lengths: Tensor) -> DecoderState:
        """The decoder's state before the first token, of source (batch, time)."""
        outputs, ends = self.encoder(source, lengths)
        return self.decoder.start(ends, outputs, lengths)

    def forward(self, batch: Batch, sampled: float = 0.0) -> tuple[Tensor, Tensor]:
        """Teacher forcing: the decoder is fed the target pushed back by one step.

        Args:
            batch: of pairs.
            sampled: the part of the fed tokens that is replaced by what the model itself would say (scheduled
                sampling, Bengio et al. 2015; in two whole passes, Mihaylova, Martins 2019).

        Returns:
            Attentional vectors (tokens, embedding_size), one before each target token within the lengths, and the
            tokens (tokens,).
        """
        state = self.start(batch.source, batch.source_lengths)
        fed = F.pad(batch.target[:, :-1], (1, 0), value=START)
        inside = torch.arange(fed.shape[1], device=fed.device) < batch.target_lengths.to(fed.device)[:, None]
        if sampled > 0:
            fed = self._replaced(fed, batch.target_lengths, state, sampled)
        vectors, _ = self.decoder(fed, batch.target_lengths, state)
        # What lies in the padding need not go through the softmax, which is most of the work.
        return F.dropout(vectors[inside], self.decoder.dropout, self.training), batch.target[inside]

    def loss(
        self, batch: Batch, *, smoothing: float = 0.0, sampled: float = 0.0, samples: int | None = None
    ) -> tuple[Tensor, int]:
        """The mean cross-entropy of the target tokens in nats, and how many tokens they are.

        Args:
            batch: of pairs.
            smoothing: part of the target that is spread over the vocabulary.
            sampled: as in `forward`.
            samples: tokens that the softmax draws besides the targets; None for the whole vocabulary.
        """
        vectors, tokens = self(batch, sampled)
        if samples is None:
            return softmax_loss(vectors, *self.decoder.softmax, tokens, smoothing), len(tokens)
        return sampled_softmax_loss(vectors, *self.decoder.softmax, tokens, samples, smoothing), len(tokens)

    @torch.no_grad()
    def _replaced(self, fed: Tensor, lengths: Tensor, state: DecoderState, part: float) -> Tensor:
        vectors, _ = self.decoder(fed, lengths, state)
        said = F.pad(self.decoder.logits(vectors).argmax(-1)[:, :-1], (1, 0), value=START)
        return torch.where(torch.rand(fed.shape, device=fed.device) < part, said, fed)

    def log_probabilities(self, batch: Batch) -> Tensor:
        """Logarithm of each target's probability given its source, (batch,), the end token counted."""
        vectors, tokens = self(batch)
        logits = self.decoder.logits(vectors)
        each = -F.cross_entropy(logits, tokens, reduction="none")
        rows = torch.arange(len(batch.target), device=each.device)
        rows = rows.repeat_interleave(batch.target_lengths.to(each.device))
        return each.new_zeros(len(batch.target)).index_add(0, rows, each)
