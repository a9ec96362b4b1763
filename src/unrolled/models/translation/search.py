"""What the decoder says: the likeliest token at each step, a random one, or the likeliest sentences by beam search.

Rows that have said the end token are dropped from the batch, so that a batch costs what its sentences need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from unrolled.models.translation.decoder import Decoder
from unrolled.models.translation.network import TranslationNetwork
from unrolled.models.translation.tokenizer import END, PAD, START, UNKNOWN

# Neighbouring logits whose maximum is looked at first.
BLOCK = 64
# Logits that are made at once: on a CPU what the caches hold, since they are passed over several times.
AT_ONCE, AT_ONCE_ON_GPU = 1 << 20, 1 << 25
# What a target never holds.
NEVER = (PAD, START)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What might be said.

    Attributes:
        tokens: without the end token.
        log_probability: natural logarithm of the model's probability, the end token counted.
        score: what it is ranked by, higher is better.
        attended: for each token the place in the source that was attended most, unknown tokens before others; empty
            without attention.
    """

    tokens: list[int]
    log_probability: float
    score: float
    attended: list[int]


@dataclass(frozen=True, slots=True)
class Penalties:
    """How finished sentences are ranked: log_probability / lp + cp (Wu et al. 2016, equation 14).

    Args:
        length: alpha in lp = ((5 + tokens) / 6) ** alpha; 0 for none, more favours longer sentences.
        coverage: beta in cp = beta * sum over the source of log(min(its attention in sum, 1)); 0 for none.
    """

    length: float = 1.0
    coverage: float = 0.0

    def score(self, log_probability: float, tokens: int, covered: Tensor | None) -> float:
        """Of a sentence of so many tokens, the end counted, that gave each place so much attention, (source,)."""
        # A power too large for a float would be an error, one too small is 0.
        value: float = log_probability * ((5 + tokens) / 6) ** -self.length
        if covered is not None and self.coverage:
            # A place without any attention costs much, but not everything.
            value += self.coverage * float(covered.clamp(1e-6, 1.0).log().sum())
        return value


@torch.no_grad()
def sample(
    network: TranslationNetwork,
    source: Tensor,
    lengths: Tensor,
    limits: Tensor,
    *,
    temperature: float = 0.0,
    unknown: bool = False,
    generator: torch.Generator | None = None,
) -> list[Hypothesis]:
    """One sentence a row, token by token.

    Args:
        network: in evaluation mode.
        source: (batch, time), int64.
        lengths: (batch,).
        limits: (batch,), most tokens of each row, the end token not counted.
        temperature: logits are divided by it before one is drawn; 0 takes the likeliest.
        unknown: whether the unknown token may be said.
        generator: of the draws.
    """
    state = network.start(source, lengths)
    rows = len(source)
    device = source.device
    alive = torch.arange(rows, device=device)
    token = torch.full((rows,), START, device=device)
    limits = limits.to(device)
    said: list[list[int]] = [[] for _ in range(rows)]
    seen: list[list[int]] = [[] for _ in range(rows)]
    total = torch.zeros(rows, device=device)
    step = 0
    while len(alive):
        vectors, state, weights = network.decoder.step(token, state)
        logits = network.decoder.logits(vectors)
        whole = logits.logsumexp(-1)
        _forbid(logits, limits[alive] <= step, unknown)
        if temperature > 0:
            parts = ((logits - logits.amax(-1, keepdim=True)) / temperature).softmax(-1)
            token = parts.multinomial(1, generator=generator)[:, 0]
        else:
            token = logits.argmax(-1)
        total[alive] += logits.gather(1, token[:, None])[:, 0] - whole
        places = _attended(weights, source[alive])
        going = token != END
        for number, (row, one) in enumerate(zip(alive.tolist(), token.tolist(), strict=True)):
            if one != END:
                said[row].append(one)
                if places is not None:
                    seen[row].append(int(places[number]))
        step += 1
        if not bool(going.all()):
            keep = going.nonzero()[:, 0]
            alive, token, state = alive[keep], token[keep], state.select(keep, keep)
    values = total.tolist()
    return [Hypothesis(*parts) for parts in zip(said, values, values, seen, strict=True)]


@torch.no_grad()
def beam_search(
    network: TranslationNetwork,
    source: Tensor,
    lengths: Tensor,
    limits: Tensor,
    *,
    beam: int,
    penalties: Penalties,
    unknown: bool = False,
) -> list[list[Hypothesis]]:
    """The best sentences of each row that a beam finds, the best first, at most `beam` of them.

    As a sentence ends its row goes on with one beam less (Bahdanau, Cho, Bengio 2015), until none is left. Args: those
    of `sample`, and
        beam: sentences that are kept at each step.
        penalties: how those that ended are ranked.
    """
    beams = _Beams(network, source, lengths, beam, penalties, limits)
    while len(beams.alive):
        beams.step(unknown)
    return [sorted(found, key=lambda one: -one.score) for found in beams.found]


class _Beams:
    """The beams of those rows that are not done.

    Tensors (rows, beam, ...): `token` said last, `total` log-probabilities, minus infinity for a beam that is none,
    `said`, `seen`, and `covered`, attention in sum. `left` (rows,): beams that have not ended.
    """

    def __init__(
        self,
        network: TranslationNetwork,
        source: Tensor,
        lengths: Tensor,
        beam: int,
        penalties: Penalties,
        limits: Tensor,
    ) -> None:
        rows, device = len(source), source.device
        self.decoder, self.beam, self.penalties = network.decoder, beam, penalties
        # Of each beam no more can be needed than one that ends and as many as there are beams that do not.
        self.softmax = _Softmax(network.decoder, rows * beam, beam + 1)
        self.source, self.lengths, self.limits = source, lengths.to(device), limits.to(device)
        self.found: list[list[Hypothesis]] = [[] for _ in range(rows)]
        self.alive = torch.arange(rows, device=device)
        self.state = network.start(source, lengths).select(self.alive.repeat_interleave(beam))
        self.token = torch.full((rows, beam), START, device=device)
        # All beams of a row are alike at first: only one of them counts.
        self.total = torch.full((rows, beam), float("-inf"), device=device)
        self.total[:, 0] = 0.0
        self.left = torch.full((rows,), beam, device=device)
        self.ranks = torch.arange(beam, device=device)
        room = int(limits.max()) if rows else 0
        self.said = torch.zeros(rows, beam, room, dtype=torch.int64, device=device)
        attends = self.state.memory is not None
        self.seen = torch.zeros_like(self.said) if attends else None
        self.covered = torch.zeros(rows, beam, source.shape[1], device=device) if attends else None
        self.done = 0

    def step(self, unknown: bool) -> None:
        """One token more."""
        rows, beam = self.token.shape
        vectors, state, weights = self.decoder.step(self.token.flatten(), self.state)
        last = self.limits[self.alive] <= self.done
        # Most of the work is the softmax, which beams that are none do without.
        lives = self.total.isfinite()
        best, tokens = self.softmax.likeliest(vectors[lives.flatten()], last[:, None].expand_as(lives)[lives], unknown)
        totals = best.new_full((rows, beam, best.shape[1]), float("-inf"))
        totals[lives] = self.total[lives][:, None] + best
        choices = torch.full_like(totals, END, dtype=torch.int64)
        choices[lives] = tokens
        total, place = totals.flatten(1).topk(min(2 * beam, totals[0].numel()), 1)
        parent, token = place // best.shape[1], choices.flatten(1).gather(1, place)
        if weights is not None:
            weights = weights.view(rows, beam, -1)
        ends = token == END
        self._collect(total, parent, ends[:, :beam] & (self.ranks < self.left[:, None]), weights)
        # The first of those that go on, in order.
        order = total.masked_fill(ends, float("-inf")).topk(beam, 1)
        parent, self.token = parent.gather(1, order.indices), token.gather(1, order.indices)
        self.total = order.values.masked_fill(self.ranks >= self.left[:, None], float("-inf"))
        self._follow(parent, weights)
        going = (self.left > 0) & ~last
        self.done += 1
        kept = None if bool(going.all()) else going.nonzero()[:, 0]
        self.state = self._selected(state, parent, kept)

    def _collect(self, total: Tensor, parent: Tensor, ends: Tensor, weights: Tensor | None) -> None:
        """Takes the sentences that end among the best."""
        ends = ends & total[:, : self.beam].isfinite()
        self.left = self.left - ends.sum(1)
        numbers, ranks = ends.nonzero(as_tuple=True)
        if not len(numbers):
            return
        rows, of, count = self.alive[numbers], parent[numbers, ranks], self.done
        covered: list[Tensor | None] = [None] * len(numbers)
        if self.penalties.coverage and self.covered is not None and weights is not None:
            sums = (self.covered + weights)[numbers, of]
            covered = [one[:length] for one, length in zip(sums, self.lengths[rows].tolist(), strict=True)]
        said = self.said[numbers, of, :count].tolist()
        seen = [[] for _ in rows] if self.seen is None else self.seen[numbers, of, :count].tolist()
        logarithms = total[numbers, ranks].tolist()
        for row, tokens, logarithm, places, attention in zip(
            rows.tolist(), said, logarithms, seen, covered, strict=True
        ):
            score = self.penalties.score(logarithm, count + 1, attention)
            self.found[row].append(Hypothesis(tokens, logarithm, score, places))

    def _follow(self, parent: Tensor, weights: Tensor | None) -> None:
        """Every beam becomes the continuation of its parent."""
        self.said = _of_parents(self.said, parent)
        if self.done < self.said.shape[2]:
            self.said[:, :, self.done] = self.token
        if self.covered is not None and self.seen is not None and weights is not None:
            places = _attended(weights, self.source[self.alive][:, None])
            self.seen = _of_parents(self.seen, parent)
            if places is not None and self.done < self.seen.shape[2]:
                self.seen[:, :, self.done] = places.gather(1, parent)
            self.covered = _of_parents(self.covered + weights, parent)

    def _selected(self, state: Any, parent: Tensor, kept: Tensor | None) -> Any:
        """The decoder's state of the beams, and of the rows that are kept; these are cut out of everything else."""
        rows, beam = parent.shape
        places = parent + beam * torch.arange(rows, device=parent.device)[:, None]
        if kept is None:
            return state.select(places.flatten())
        self.alive, self.left, self.token, self.total, self.said = (
            part[kept] for part in (self.alive, self.left, self.token, self.total, self.said)
        )
        self.seen = None if self.seen is None else self.seen[kept]
        self.covered = None if self.covered is None else self.covered[kept]
        return state.select(places[kept].flatten(), kept)


class _Softmax:
    """A decoder's softmax for step after step, a few vectors at a time.

    Products are half as fast again into memory that was used before.

    Args:
        decoder: whose it is.
        most: vectors that there may be at once.
        count: tokens that are wanted after each, if there are so many.
    """

    def __init__(self, decoder: Decoder, most: int, count: int) -> None:
        self.matrix, self.bias = decoder.softmax
        self.vocabulary = len(self.bias)
        self.count = min(count, self.vocabulary)
        # A long row is filled up to whole blocks, by tokens that are impossible.
        more = -self.vocabulary % BLOCK if self.vocabulary // BLOCK > count else 0
        at_once = AT_ONCE_ON_GPU if self.matrix.is_cuda else AT_ONCE
        self.logits = self.matrix.new_empty(max(1, min(most, at_once // self.vocabulary)), self.vocabulary + more)

    def likeliest(self, vectors: Tensor, must_end: Tensor, unknown: bool) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the likeliest tokens after each vector, and the tokens, (rows, count)."""
        parts = []
        rows = len(self.logits)
        for some, ends in zip(torch.split(vectors, rows), torch.split(must_end, rows), strict=True):
            logits = self.logits[: len(some)]
            torch.addmm(self.bias, some, self.matrix.t(), out=logits[:, : self.vocabulary])
            logits[:, self.vocabulary :] = float("-inf")
            parts.append(_likeliest_of(logits, ends, self.count, unknown))
        best, tokens = (torch.cat(part) for part in zip(*parts, strict=True))
        return best, tokens


def _likeliest_of(logits: Tensor, must_end: Tensor, count: int, unknown: bool) -> tuple[Tensor, Tensor]:
    """Of logits (rows, vocabulary), which it overwrites: few passes over them are most of what beam search can save."""
    never, end = logits[:, _never(unknown)], logits[:, END].clone()
    logits[:, _never(unknown)] = float("-inf")
    best, tokens = _highest(logits, count)
    highest = torch.maximum(best[:, :1], never.amax(1, keepdim=True))
    rest = (never - highest).exp_().sum(1, keepdim=True)
    whole = logits.sub_(highest).exp_().sum(1, keepdim=True).add_(rest).log_().add_(highest)
    best = best - whole
    if bool(must_end.any()):
        best[must_end] = float("-inf")
        best[must_end, 0], tokens[must_end, 0] = (end - whole[:, 0])[must_end], END
    return best, tokens


def _highest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """`topk` of rows: of those that are many whole blocks it looks at the blocks with the highest maxima alone."""
    rows, width = values.shape
    blocks, rest = divmod(width, BLOCK)
    if rest or blocks <= count:
        return tuple(values.topk(count, 1))  # type: ignore[return-value]
    parts = values.reshape(rows * blocks, BLOCK)
    high = parts.amax(1).view(rows, blocks).topk(count, 1).indices
    first = blocks * torch.arange(rows, device=values.device)[:, None]
    best, index = parts.index_select(0, (first + high).flatten()).view(rows, count * BLOCK).topk(count, 1)
    return best, high.gather(1, index // BLOCK) * BLOCK + index % BLOCK


def _of_parents(values: Tensor, parent: Tensor) -> Tensor:
    return values.gather(1, parent[:, :, None].expand(-1, -1, values.shape[2]))


def _forbid(logits: Tensor, must_end: Tensor, unknown: bool) -> None:
    """Makes impossible, in place, what must not be said; rows whose limit is reached can but end."""
    logits[:, _never(unknown)] = float("-inf")
    if bool(must_end.any()):
        end = logits[:, END].clone()
        logits[must_end] = float("-inf")
        logits[:, END] = end


def _never(unknown: bool) -> list[int]:
    """What must not be said."""
    return [*NEVER, *(() if unknown else (UNKNOWN,))]


def _attended(weights: Tensor | None, source: Tensor) -> Tensor | None:
    """The place that each row attended most, unknown tokens before others."""
    return None if weights is None else (weights + (source == UNKNOWN)).argmax(-1)


def best_only(found: list[list[Hypothesis]]) -> list[Hypothesis]:
    """The best of each row."""
    return [one[0] for one in found]


def shifted(hypothesis: Hypothesis, places: int) -> Hypothesis:
    """The hypothesis of a piece of a sentence that begins so many places in."""
    return replace(hypothesis, attended=[place + places for place in hypothesis.attended])
