"""Training on one chunk: prepared by NumPy, done by the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unrolled.models.embedding.corpus import Corpus, Numbers
from unrolled.models.embedding.kernel import kernel
from unrolled.models.embedding.noise import Noise, log_uniform, unigram
from unrolled.models.embedding.parameters import Parameters
from unrolled.models.embedding.settings import Settings
from unrolled.models.embedding.subwords import pieces
from unrolled.models.embedding.windows import Windows, keep_probabilities, windows


class ChunkTrainer:
    """Trains on chunks, from as many threads at a time as one likes.

    Args:
        corpus: where the chunks come from.
        parameters: what is trained, in place.
        settings: how.
        seed: with a chunk's epoch and number it decides all that is random there.
    """

    def __init__(self, corpus: Corpus, parameters: Parameters, settings: Settings, seed: int) -> None:
        self.corpus, self.parameters, self.settings, self.seed = corpus, parameters, settings, seed
        counts = corpus.vocabulary.counts
        self.words = len(counts)
        self.keep = keep_probabilities(counts, settings.subsample)
        weights = unigram(counts) if settings.noise == "unigram" else log_uniform(self.words)
        self.noise = Noise(weights)
        biased = settings.loss == "nce"
        # How often each word is expected among the noise; what is learned is then the logit itself (Gutmann,
        # Hyvärinen 2012; Mnih, Teh 2012).
        expected = np.log(settings.negative * self.noise.probabilities)
        self.offsets = torch.from_numpy(-np.append(expected, 0.0).astype(np.float32))
        bags = settings.architecture == "cbow" or settings.subwords is not None
        self.kernel = kernel("bags" if bags else "windows", int(settings.dim), int(settings.negative), biased)
        self.rows, self.row_ends = self._rows_of_words()

    def train(self, epoch: int, index: int, lr: float, part: int = 0) -> tuple[float, int]:
        """Trains on a chunk.

        Args:
            epoch: from 0.
            index: of the chunk.
            lr: the learning rate.
            part: of the process, so that no two draw alike.

        Returns:
            The loss, summed over all pairs, and how many pairs those are.
        """
        settings = self.settings
        random = np.random.Generator(np.random.SFC64([self.seed, part, epoch, index]))
        chunk = self.corpus.chunk(index)
        found = windows(chunk, self.keep, int(settings.window), random, dynamic=settings.dynamic_window)
        if len(found.words) == 0:
            return 0.0, 0
        negatives = self._negatives(len(found.words), random)
        rate, loss = np.array([lr], np.float32), np.zeros(self.kernel.lanes, np.float32)
        parameters = self.parameters
        arrays: dict[str, NDArray[Any]] = {"negatives": negatives, "rate": rate, "loss": loss}
        if "rows" in self.kernel.names:
            arrays |= self._bags(found)
            pairs, count = len(arrays["targets"]), len(arrays["row_ends"]) - 1
        else:
            arrays |= {"words": found.words, "lefts": found.lefts, "rights": found.rights}
            pairs, count = found.pairs, len(found.words)
        tensors = {"inputs": parameters.inputs, "outputs": parameters.outputs}
        if "biases" in self.kernel.names:
            tensors |= {"biases": parameters.biases, "offsets": self.offsets}
        self.kernel(
            count=count,
            sink=self.words,
            **{name: array.ctypes.data for name, array in arrays.items()},
            **{name: tensor.data_ptr() for name, tensor in tensors.items()},
        )
        # Whatever the sink has learned is forgotten.
        parameters.outputs[-1].zero_()
        return float(loss.sum(dtype=np.float64)), pairs

    def _negatives(self, words: int, random: np.random.Generator) -> Numbers:
        shared = int(self.settings.shared_by)
        drawn = self.noise.draw(random, (-(-words // shared), int(self.settings.negative)))
        return drawn if shared == 1 else np.repeat(drawn, shared, axis=0)[:words]

    def _rows_of_words(self) -> tuple[Numbers, Numbers]:
        """The rows of each word and its subwords, one after the other, and where each word's begin."""
        if self.settings.subwords is None:
            return np.arange(self.words, dtype=np.int32), np.arange(self.words + 1, dtype=np.int32)
        shortest, longest = self.settings.subwords
        lists = [
            [number, *(self.words + piece for piece in pieces(word, shortest, longest, int(self.settings.buckets)))]
            for number, word in enumerate(self.corpus.vocabulary)
        ]
        ends = np.cumsum([0, *map(len, lists)])
        return np.array([row for rows in lists for row in rows], np.int32), ends.astype(np.int32)

    def word_vectors(self) -> NDArray[np.float32]:
        """The vectors as they stand, (words, dim): a word's row, or the mean of its own and its subwords'."""
        inputs = self.parameters.inputs[:, : self.settings.dim]
        if self.settings.subwords is None:
            return inputs[: self.words].numpy().copy()
        rows, starts = torch.from_numpy(self.rows), torch.from_numpy(self.row_ends[:-1])
        return torch.nn.functional.embedding_bag(rows, inputs.contiguous(), starts, mode="mean").numpy()

    def _bags(self, found: Windows) -> dict[str, NDArray[Any]]:
        """What is averaged, and what it should foretell, for each word of a chunk."""
        contexts, context_ends = _contexts(found)
        ends = np.arange(len(found.words) + 1, dtype=np.int32)
        if self.settings.architecture == "skip-gram":
            rows, row_ends = self._expanded(found.words, ends)
            return {"rows": rows, "row_ends": row_ends, "targets": contexts, "target_ends": context_ends}
        # A word without contexts has nothing to be foretold from: it is its own bag, and has no target.
        alone = np.diff(context_ends) == 0
        target_ends = np.concatenate([[0], np.cumsum(~alone)]).astype(np.int32)
        filled = np.insert(contexts, context_ends[:-1][alone], found.words[alone])
        filled_ends = (context_ends + np.concatenate([[0], np.cumsum(alone)])).astype(np.int32)
        rows, row_ends = self._expanded(filled, filled_ends)
        return {"rows": rows, "row_ends": row_ends, "targets": found.words[~alone], "target_ends": target_ends}

    def _expanded(self, words: Numbers, ends: Numbers) -> tuple[Numbers, Numbers]:
        """The rows of lists of words; `ends` cuts the lists."""
        if self.settings.subwords is None:
            return words, ends
        starts, sizes = self.row_ends[words], self.row_ends[words + 1] - self.row_ends[words]
        total = np.concatenate([[0], np.cumsum(sizes)])
        places = np.repeat(starts - total[:-1], sizes) + np.arange(total[-1])
        return self.rows[places], total[ends].astype(np.int32)


def _contexts(found: Windows) -> tuple[Numbers, Numbers]:
    """The contexts of all words, one after the other, and where each word's begin."""
    sizes = found.rights - found.lefts
    total = np.concatenate([[0], np.cumsum(sizes)])
    places = np.repeat(found.lefts - total[:-1], sizes) + np.arange(total[-1])
    own = np.repeat(np.arange(len(found.words)), sizes)
    ends = total - np.arange(len(total))
    return found.words[places[places != own]], ends.astype(np.int32)
