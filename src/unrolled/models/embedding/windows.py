"""A chunk of the corpus made ready for the kernel: subsampled, with a window round each word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unrolled.models.embedding.corpus import END, Numbers


@dataclass(frozen=True)
class Windows:
    """Words (words,) and their windows: positions from `lefts` to below `rights`."""

    words: Numbers
    lefts: Numbers
    rights: Numbers

    @property
    def pairs(self) -> int:
        """Words and contexts, counted as pairs."""
        return int((self.rights - self.lefts).sum()) - len(self.words)


def keep_probabilities(counts: NDArray[np.int64], subsample: float) -> NDArray[np.float32]:
    """How probably each word is kept, (words + 2,); the last two are for words left out, and for ends of sentences.

    sqrt(t / f) + t / f, as the word2vec program has it (not as the paper, Mikolov et al. 2013, equation 5).
    """
    frequency = np.maximum(counts, 1) / max(1, counts.sum())
    kept = np.ones(len(counts)) if subsample == 0 else np.sqrt(subsample / frequency) + subsample / frequency
    return np.concatenate([np.minimum(kept, 1.0), [0.0, 1.0]]).astype(np.float32)


def windows(
    chunk: Numbers, keep: NDArray[np.float32], window: int, random: np.random.Generator, *, dynamic: bool
) -> Windows:
    """Words that are kept, each with its window, which ends where its sentence does.

    Args:
        chunk: numbers of words; END ends a sentence, other negative ones are left out.
        keep: as `keep_probabilities` gives it; negative numbers index it from its end.
        window: words to each side.
        random: decides what is kept, and how wide each window is.
        dynamic: windows are 1 to `window` wide, each as likely, so that near words count more.
    """
    chosen = chunk[random.random(len(chunk), dtype=np.float32) < keep[chunk]]
    ends = np.flatnonzero(chosen == END).astype(np.int32)
    # Without the marks the j-th sentence ends j places earlier.
    ends -= np.arange(len(ends), dtype=np.int32)
    words = chosen[chosen != END]
    lengths = np.diff(ends, prepend=np.int32(0))
    first = np.repeat(ends - lengths, lengths)
    place = np.arange(len(words), dtype=np.int32)
    wide = random.integers(1, window + 1, len(words), dtype=np.int32) if dynamic else np.int32(window)
    lefts = np.maximum(place - wide, first)
    rights = np.minimum(place + wide + np.int32(1), np.repeat(ends, lengths))
    return Windows(words, lefts, rights)
