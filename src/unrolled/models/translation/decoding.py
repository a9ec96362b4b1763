"""From sentences to their translations: pieces that are not too long, batches, search, and text again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from unrolled.data import token_batches
from unrolled.models.translation.corpus import Tokens, source_tokens
from unrolled.models.translation.network import TranslationNetwork
from unrolled.models.translation.search import Hypothesis, Penalties, beam_search, sample
from unrolled.models.translation.tokenizer import UNKNOWN, Subwords

# Sentences that are read before any is given, so that batches are of similar length.
CHUNK = 1000
# Tokens of a batch times its beams, and a row's share of a step's work that is not its tokens.
BATCH_TOKENS = 16_000
# A translation is at most so many times as long as its source, and a few tokens.
RATIO, ROOM = 2, 10


@dataclass(frozen=True, slots=True)
class Translation:
    """One translation of a sentence.

    Attributes:
        text: the translation.
        log_probability: natural logarithm of its probability under the model.
        score: what it is ranked by, higher is better; see `Penalties`.
    """

    text: str
    log_probability: float
    score: float

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Choices:
    """How to search.

    Args:
        beam: sentences that are kept at each step; 0 to take, at each step, the likeliest token or a random one.
        n_best: translations of each sentence.
        penalties: how beams are ranked.
        temperature: for beam 0: logits are divided by it before a token is drawn, 0 takes the likeliest.
        copy_unknown: whether what the vocabulary does not have is copied from the place attended most.
        max_length: most tokens of a translation; None for twice the source's and ten.
        generator: of random tokens.
    """

    beam: int
    n_best: int = 1
    penalties: Penalties = Penalties()  # noqa: RUF009 - frozen
    temperature: float = 0.0
    copy_unknown: bool = False
    max_length: int | None = None
    generator: torch.Generator | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a sentence: its tokens, and where in the sentence's text each comes from."""

    tokens: list[int]
    spans: list[tuple[int, int]]


class Decoding:
    """A trained network with its subwords, ready to translate.

    Args:
        network: the network.
        subwords: of source and target.
        longest: tokens of a source that the network is used to; longer sentences are translated in pieces.
        reverse_source: as in training.
    """

    def __init__(
        self,
        network: TranslationNetwork,
        subwords: tuple[Subwords, Subwords],
        *,
        longest: int,
        reverse_source: bool,
    ) -> None:
        self.network = network
        self.subwords = subwords
        self.longest = longest
        self.reverse_source = reverse_source

    def __call__(
        self, sentences: Iterable[str], choices: Choices, together: int = CHUNK
    ) -> Iterator[list[Translation]]:
        """The translations of each sentence, the best first, in order; so many sentences are read at once."""
        stream = iter(sentences)
        while chunk := list(islice(stream, together)):
            yield from self._chunk(chunk, choices)

    def _chunk(self, sentences: Sequence[str], choices: Choices) -> list[list[Translation]]:
        pieces = [self._pieces(*encoded) for encoded in self.subwords[0].encode_with_spans(sentences)]
        flat = [piece for own in pieces for piece in own]
        found = iter(self._search(flat, choices))
        translated = []
        for sentence, own in zip(sentences, pieces, strict=True):
            parts = [self._told(sentence, piece, next(found), choices) for piece in own]
            translated.append(_together(parts, choices.n_best))
        return translated

    def _pieces(self, tokens: list[int], spans: list[tuple[int, int]]) -> list[_Piece]:
        pieces, start = [], 0
        while start < len(tokens):
            end = min(start + self.longest, len(tokens))
            if end < len(tokens):
                # A cut between words if there is one in the second half.
                words = (place for place in range(end, start + self.longest // 2, -1) if self._begins(tokens[place]))
                end = next(words, end)
            pieces.append(_Piece(tokens[start:end], spans[start:end]))
            start = end
        return pieces

    def _begins(self, token: int) -> bool:
        return self.subwords[0].begins_word(token)

    def _search(self, pieces: list[_Piece], choices: Choices) -> list[list[Hypothesis]]:
        source = Tokens.of(source_tokens(piece.tokens, self.reverse_source) for piece in pieces)
        limits = RATIO * source.lengths + ROOM
        if choices.max_length is not None:
            limits = torch.full_like(limits, choices.max_length)
        device = next(self.network.parameters()).device
        found: list[list[Hypothesis]] = [[] for _ in pieces]
        for batch in token_batches(source.lengths, max(1, BATCH_TOKENS // max(choices.beam, 1))):
            tokens, lengths = source.batch(batch)
            told = _searched(self.network, choices)(tokens.to(device), lengths, limits[batch])
            for place, own in zip(batch.tolist(), told, strict=True):
                found[place] = own[: choices.n_best]
        return found

    def _told(self, sentence: str, piece: _Piece, hypotheses: list[Hypothesis], choices: Choices) -> list[Translation]:
        told = []
        for one in hypotheses:
            names = self.subwords[1].tokens(one.tokens)
            if choices.copy_unknown and one.attended:
                for place, token in enumerate(one.tokens):
                    if token == UNKNOWN:
                        names[place] = self._copied(sentence, piece, one.attended[place])
            told.append(Translation(Subwords.join(names), one.log_probability, one.score))
        return told

    def _copied(self, sentence: str, piece: _Piece, place: int) -> str:
        """The text that a source token stands for; nothing for the end token."""
        if place >= len(piece.tokens):
            return ""
        start, end = piece.spans[len(piece.tokens) - 1 - place if self.reverse_source else place]
        return sentence[start:end].strip()


def _searched(
    network: TranslationNetwork, choices: Choices
) -> Callable[[Tensor, Tensor, Tensor], list[list[Hypothesis]]]:
    common: dict[str, Any] = {"unknown": choices.copy_unknown}
    if choices.beam:
        return lambda *batch: beam_search(network, *batch, beam=choices.beam, penalties=choices.penalties, **common)
    common |= {"temperature": choices.temperature, "generator": choices.generator}
    return lambda *batch: [[one] for one in sample(network, *batch, **common)]


def _together(parts: list[list[Translation]], n_best: int) -> list[Translation]:
    """The translations of a whole sentence from those of its pieces; of no piece, an empty one that is certain."""
    if len(parts) == 1:
        return parts[0]
    count = min([n_best, *(max(len(part), 1) for part in parts)])
    whole = []
    for rank in range(count):
        chosen = [part[rank] for part in parts]
        whole.append(
            Translation(
                " ".join(one.text for one in chosen if one.text),
                sum((one.log_probability for one in chosen), 0.0),
                sum((one.score for one in chosen), 0.0),
            )
        )
    return whole
