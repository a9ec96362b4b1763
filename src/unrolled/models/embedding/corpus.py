"""A corpus as numbers on disk: read once as a stream, then trained on as often as need be.

Words get numbers as they come, four bytes each, in a temporary file; which of them stay is known at the end, and a
table then turns first numbers into final ones. Memory holds the different words, not the corpus.
"""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.data.text import LONGEST_WORD
from unrolled.data.vocabulary import Vocabulary

UNKNOWN = "<unk>"
# Ends a sentence in the file.
END = -1
# Words a chunk: what one thread trains on at a time.
CHUNK = 50_000
# A longer list of words is cut; what lies further apart than a window has nothing to do with each other anyway.
LONGEST_SENTENCE = 10_000
# When there are more different words than this, the rarest are forgotten, as word2vec does.
MOST_TYPES = 4_000_000

Numbers = NDArray[np.int32]


class Corpus:
    """A corpus on disk; `close` removes it.

    Attributes:
        vocabulary: the words that stay.
        words: in the corpus, in all.
        chunks: how many there are.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="unrolled-corpus-")  # noqa: SIM115
        self._starts: list[int] = []
        self._written = 0
        self.words = 0
        self.sentences = 0
        self.vocabulary = Vocabulary([])
        self._table = np.zeros(1, np.int32)

    @classmethod
    def read(
        cls,
        sentences: Iterable[Any],
        *,
        min_count: int,
        max_vocab: int | None,
        unknown: bool,
        share: tuple[int, int] = (0, 1),
        progress: Callable[[int], None] | None = None,
    ) -> Corpus:
        """Reads a corpus.

        Args:
            sentences: lists of words.
            min_count: words that occur more rarely are dropped.
            max_vocab: most words that stay, None for all.
            unknown: whether dropped words become `<unk>`, rather than being left out.
            share: (rank, processes); chunks are dealt out, and this process keeps its own.
            progress: called now and then with the number of words read.

        Raises:
            ValueError: the corpus has fewer than two different words that stay, or holds something else than words.
        """
        made = cls()
        try:
            made._read(sentences, share, progress)
            made._choose(min_count, max_vocab, unknown)
        except BaseException:
            made.close()
            raise
        return made

    @property
    def chunks(self) -> int:
        """How many chunks this process has."""
        return len(self._starts)

    def chunk(self, index: int) -> Numbers:
        """The final numbers of a chunk's words; END ends a sentence, words left out are -2."""
        first = self._starts[index]
        last = self._starts[index + 1] if index + 1 < len(self._starts) else self._written
        raw = np.empty(last - first, np.int32)
        # Reading at a place leaves no position that threads would share.
        os.preadv(self._file.fileno(), [raw.data], 4 * first)
        return self._table[raw]

    def close(self) -> None:
        """Removes the file."""
        self._file.close()

    def _read(self, sentences: Iterable[Any], share: tuple[int, int], progress: Callable[[int], None] | None) -> None:
        numbers: defaultdict[str, int] = defaultdict(count().__next__)
        numbers_of = numbers.__getitem__
        counts = np.zeros(1024, np.int64)
        held: list[int] = []
        seen = 0
        rank, processes = share

        def flush() -> None:
            nonlocal counts, held, seen
            block = np.array(held, np.int32)
            highest = int(block.max(initial=0)) + 1
            if highest > len(counts):
                counts = np.concatenate([counts, np.zeros(max(highest, len(counts)), np.int64)])
            own = np.bincount(block[block >= 0])
            counts[: len(own)] += own
            if seen % processes == rank:
                self._starts.append(self._written)
                self._file.write(block.tobytes())
                self._written += len(block)
            seen += 1
            held = []
            if len(numbers) > MOST_TYPES:
                _forget_rarest(numbers, counts)
            if progress is not None:
                progress(self.words)

        for sentence in sentences:
            if isinstance(sentence, (str, bytes)):
                raise ValueError(
                    f"corpus: expected lists of words, found the text {sentence[:40]!r}; cut it into words"
                )
            try:
                numbered = list(map(numbers_of, sentence))
            except TypeError as error:
                raise ValueError(f"corpus: expected lists of words, found {sentence!r:.60}: {error}") from error
            for first in range(0, len(numbered), LONGEST_SENTENCE):
                held += numbered[first : first + LONGEST_SENTENCE]
                held.append(END)
                self.sentences += 1
                if len(held) >= CHUNK:
                    flush()
            self.words += len(numbered)
        if held:
            flush()
        self._file.flush()
        if 0 < seen < processes:
            raise ValueError(f"corpus: {self.words} words are too few for {processes} processes")
        bad = next((word for word in numbers if not isinstance(word, str)), None)
        if bad is not None:
            raise ValueError(f"corpus: expected words as text, found {bad!r}")
        self._numbers, self._counts = numbers, counts

    def _choose(self, min_count: int, max_vocab: int | None, unknown: bool) -> None:
        numbers, counts = self._numbers, self._counts
        del self._numbers, self._counts
        if not self.words:
            raise ValueError("corpus: expected words, found none")
        # Frequent words first; of equally frequent ones the first to come.
        all_kept = sorted(
            (
                (int(counts[n]), -n, w)
                for w, n in numbers.items()
                if counts[n] >= min_count and 0 < len(w) <= LONGEST_WORD
            ),
            reverse=True,
        )
        kept = all_kept[: None if max_vocab is None else max_vocab - unknown]
        if len(kept) + unknown < 2 or not kept:
            raise ValueError(
                f"corpus: expected at least two different words that occur {min_count} times or more (min_count), "
                f"found {len(kept)} among {self.words} words"
            )
        words = [word for _, _, word in kept]
        amounts = [amount for amount, _, _ in kept]
        places = np.array([-n for _, n, _ in kept])
        table = np.full(len(counts) + 1, -2, np.int32)
        if unknown:
            # <unk> may be the most frequent of all, but stands last, so that numbers are ranks.
            table[:] = len(words)
            words.append(UNKNOWN)
            amounts.append(max(1, self.words - sum(amounts)))
        table[places] = np.arange(len(places))
        # END indexes the table from its end.
        table[END] = END
        self._table = table
        self.vocabulary = Vocabulary(words, np.array(amounts))


def _forget_rarest(numbers: defaultdict[str, int], counts: NDArray[np.int64]) -> None:
    """Drops the rarest half of the words; if one comes again it gets a new number."""
    limit = np.median(counts[list(numbers.values())])
    for word in [word for word, number in numbers.items() if counts[number] <= limit]:
        del numbers[word]
