"""`WordVectors`: a vector for each word of a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from unrolled.checks import expect, integer, is_iterable, is_one_of
from unrolled.data.text import TextFiles
from unrolled.data.tokenizer import Tokenizer
from unrolled.data.vocabulary import Vocabulary
from unrolled.models.embedding.chunk_trainer import ChunkTrainer
from unrolled.models.embedding.corpus import Corpus
from unrolled.models.embedding.parameters import Parameters
from unrolled.models.embedding.reading_bar import reading_bar
from unrolled.models.embedding.run import Run, State
from unrolled.models.embedding.score import Score
from unrolled.models.embedding.settings import Settings
from unrolled.models.embedding.subwords import Subwords
from unrolled.models.embedding.vectors import Vectors
from unrolled.models.fit import checkpoint_folder, onlookers
from unrolled.models.folder import making, read_model, read_vocabulary, write_model
from unrolled.models.shared import own_seed
from unrolled.training import Callback, CheckpointError, Checkpoints, Interrupted, Processes, joined
from unrolled.training.files import checksum
from unrolled.training.interruption import Request, noticing_signals

# How a run goes, rather than what comes out of it.
_OF_THE_RUN = ("workers", "random_state", "verbose", "callbacks", "tokenizer")


class WordVectors(BaseEstimator):  # type: ignore[misc]
    """Learns vectors of words from the company they keep (word2vec; Mikolov et al. 2013).

    Args:
        dim: numbers of a vector.
        window: words to each side that count as context.
        negative: noise words for each word.
        loss: "negative-sampling" (Mikolov et al. 2013), or "nce", noise-contrastive estimation with a bias a word
            (Gutmann, Hyvärinen 2012; Mnih, Teh 2012).
        architecture: "skip-gram" foretells a word from each of its contexts, "cbow" from their mean.
        dynamic_window: whether each word draws its window from 1 to `window`, so that near words count more.
        noise: "unigram" (frequencies to the power 3/4), "log-uniform" (ranks), or "auto": the second for "nce".
        shared_by: words that share one draw of noise. All contexts of a word share it anyway: that makes training a
            product of small matrices (Ji et al. 2016, arXiv:1604.04661).
        subwords: shortest and longest pieces of a word that have vectors too, (3, 6) for instance, so that unknown
            words have one (Bojanowski et al. 2017); None for none.
        buckets: rows of the pieces' table.
        min_count: rarer words are left out.
        max_vocab: most words, the most frequent ones; None for all.
        unknown: whether words left out are trained as one word, `<unk>`.
        subsample: words more frequent than this part of the corpus are left out now and then; 0 for never.
        epochs: passes over the corpus.
        lr: learning rate at the start; it falls in a straight line.
        min_lr: the learning rate never falls below this.
        workers: threads, which write to the same vectors without locks; None for as many as torch uses.
        random_state: seed (an integer or a NumPy RandomState); with workers=1 the same seed gives the same vectors bit
            for bit on one machine. None draws one.
        tokenizer: cuts text files into words.
        verbose: whether to show a progress bar.
        callbacks: instances of `unrolled.training.Callback`.

    Attributes:
        vectors_: the vectors; `vectors_["word"]` is one (dim,), `vectors_.matrix` all (words, dim).
        vocabulary_: the words, the most frequent first, and their counts.
        history_: a dictionary for each epoch: loss (nats a pair), lr, seconds, words_per_second.
        loss_curve_: words trained on, and the loss of a pair, at about 100 points in each epoch.

    Memory: 8 bytes for each number of a vector, and the different words; the corpus waits on disk, in a temporary
    file of 4 bytes a word.
    """

    def __init__(
        self,
        dim: int = 128,
        window: int = 5,
        negative: int = 5,
        loss: str = "negative-sampling",
        architecture: str = "skip-gram",
        dynamic_window: bool = True,
        noise: str = "auto",
        shared_by: int = 1,
        subwords: tuple[int, int] | None = None,
        buckets: int = 200_000,
        min_count: int = 5,
        max_vocab: int | None = 50_000,
        unknown: bool = False,
        subsample: float = 1e-3,
        epochs: int = 5,
        lr: float = 0.03,
        min_lr: float = 1e-4,
        workers: int | None = None,
        random_state: Any = None,
        tokenizer: Tokenizer | None = None,
        verbose: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.dim = dim
        self.window = window
        self.negative = negative
        self.loss = loss
        self.architecture = architecture
        self.dynamic_window = dynamic_window
        self.noise = noise
        self.shared_by = shared_by
        self.subwords = subwords
        self.buckets = buckets
        self.min_count = min_count
        self.max_vocab = max_vocab
        self.unknown = unknown
        self.subsample = subsample
        self.epochs = epochs
        self.lr = lr
        self.min_lr = min_lr
        self.workers = workers
        self.random_state = random_state
        self.tokenizer = tokenizer
        self.verbose = verbose
        self.callbacks = callbacks

    def fit(
        self,
        corpus: str | Path | Iterable[Sequence[str]],
        y: Any = None,
        *,
        checkpoints: str | Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Learns from a corpus, which is read once, as a stream.

        Ctrl-C and SIGTERM end training early: what was learned so far is kept, and then the interruption raised.
        Under torchrun each process trains on its share of the corpus, and all end with the same vectors.

        Args:
            corpus: lists of words, as any iterable; or a text file, a pattern such as "wiki/*.gz", or the name of a
                text data set.
            y: ignored, as scikit-learn has it.
            checkpoints: folder to save to after each epoch and when stopped by a signal; needs a fixed random_state.
            resume: go on from the newest checkpoint there.

        Raises:
            ValueError: an argument, here or of the constructor, is not what it should be; the message names it.
            NonFiniteLossError: training diverged.
            Interrupted: a signal asked to stop, with checkpoints; KeyboardInterrupt without.
        """
        settings = self._checked_settings()
        path = checkpoint_folder(checkpoints, resume, self.random_state)
        workers = torch.get_num_threads() if self.workers is None else integer("workers", self.workers)
        tokenizer, callbacks = self.tokenizer, onlookers(self.callbacks, self.verbose)
        expect("tokenizer", tokenizer, "a function of a text, or None", tokenizer is None or callable(tokenizer))
        seed = own_seed(self.random_state)
        sentences = TextFiles(corpus, tokenizer) if isinstance(corpus, (str, Path)) else corpus
        if not is_iterable(sentences):
            raise ValueError(f"corpus: expected lists of words or a text file, found {type(corpus).__name__}")
        with joined() as processes:
            with reading_bar(self.verbose and processes.rank == 0) as progress:
                read = Corpus.read(
                    sentences,
                    min_count=settings.min_count,
                    max_vocab=settings.max_vocab,
                    unknown=settings.unknown,
                    share=(processes.rank, processes.count),
                    progress=progress,
                )
            try:
                self._train(read, settings, workers, seed, processes, callbacks, path, resume)
            finally:
                read.close()
        return self

    def most_similar(
        self, word: str | Sequence[str], k: int = 10, *, most_frequent: int | None = None
    ) -> list[tuple[str, float]]:
        """The k nearest words by cosine, and the cosines; see `Vectors.most_similar`."""
        return self._fitted().most_similar(word, k, most_frequent=most_frequent)

    def similarity(self, a: str, b: str) -> float:
        """The cosine of two words; see `Vectors.similarity`."""
        return self._fitted().similarity(a, b)

    def analogy(self, a: str, b: str, c: str, k: int = 1, *, method: str = "3cosadd") -> list[tuple[str, float]]:
        """The words that are to c as b is to a; see `Vectors.analogy`."""
        return self._fitted().analogy(a, b, c, k, method=method)

    def score(self, *paths: str | Path, most_frequent: int | None = 30_000) -> list[Score]:
        """How well the vectors agree with files of human judgements; see `Vectors.score`."""
        return self._fitted().score(*paths, most_frequent=most_frequent)

    def export(self, path: str | Path) -> None:
        """Writes the vectors for other programs; see `Vectors.export`."""
        self._fitted().export(path)

    def map(self, words: int | Sequence[str] = 500, *, random_state: int = 0) -> Any:
        """A map of words (`unrolled.models.embedding.map.WordMap`): near words mean alike (t-SNE).

        Args:
            words: how many of the most frequent ones, or which.
            random_state: seed.
        """
        return self._fitted().map(words, random_state=random_state)

    def save(self, path: str | Path) -> None:
        """Writes a folder of `config.json`, `model.safetensors` and `vocabulary.json`; an earlier model is replaced.

        Raises:
            ModelError: the folder holds something else.
            NotFittedError: `fit` was not called.
        """
        vectors = self._fitted()
        tensors = {"vectors": torch.from_numpy(np.ascontiguousarray(vectors.matrix))}
        if vectors.subwords is not None:
            tensors["pieces"] = torch.from_numpy(np.ascontiguousarray(vectors.subwords.table))
        config = {"parameters": self._config(), "history": self.history_, "loss_curve": self.loss_curve_}
        words = {"words": vectors.vocabulary.words, "counts": vectors.vocabulary.counts.tolist()}
        write_model(path, type(self).__name__, config, tensors, words)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads what `save` wrote.

        Raises:
            ModelError: a file is missing, damaged, or not of word vectors.
        """
        config, tensors = read_model(path, cls.__name__)
        words = read_vocabulary(path, config)
        with making(path, "word vectors"):
            parameters = dict(config["parameters"])
            if parameters["subwords"] is not None:
                parameters["subwords"] = tuple(parameters["subwords"])
            made = cls(**parameters)
            made._checked_settings()
            matrix = tensors["vectors"].numpy()
            if matrix.dtype != np.float32 or matrix.shape[1:] != (made.dim,):
                raise ValueError(f"vectors: expected float32 of {made.dim} numbers, found shape {matrix.shape}")
            if not all(isinstance(word, str) for word in words["words"]):
                raise ValueError("words: expected text")
            vocabulary = Vocabulary(words["words"], np.array(words["counts"], np.int64))
            if len(vocabulary.counts) != len(vocabulary):
                raise ValueError("counts: expected as many as words")
            subwords = None
            if made.subwords is not None:
                subwords = Subwords(*made.subwords, tensors["pieces"].numpy())
                if subwords.table.shape != (made.buckets, made.dim):
                    raise ValueError(f"pieces: expected {made.buckets} rows, found shape {subwords.table.shape}")
            made.vectors_ = Vectors(vocabulary, matrix, subwords)
            made.vocabulary_ = vocabulary
            made.history_ = list(config["history"])
            made.loss_curve_ = [(int(at), float(loss)) for at, loss in config["loss_curve"]]
        return made

    def _train(
        self,
        corpus: Corpus,
        settings: Settings,
        workers: int,
        seed: int,
        processes: Processes,
        callbacks: Sequence[Callback],
        checkpoints: Path | None,
        resume: bool,
    ) -> None:
        words = len(corpus.vocabulary)
        buckets = 0 if settings.subwords is None else settings.buckets
        parameters = Parameters.initial(words, buckets, settings.dim, seed)
        trainer = ChunkTrainer(corpus, parameters, settings, seed)
        state, folder = State(), None
        if checkpoints is not None and processes.rank == 0:
            identity = {"parameters": settings.record(), "seed": seed, "words": corpus.words}
            identity["vocabulary"] = checksum("\n".join(corpus.vocabulary).encode())
            folder = Checkpoints(checkpoints, identity)
        try:
            if folder is not None:
                _restore(folder, parameters, state, resume=resume)
            # Processes may have one chunk more or less than the first: they go on at the same part of the same epoch.
            epoch, rest = divmod(processes.first(state.done), chunks := processes.first(corpus.chunks))
            state.done = epoch * corpus.chunks + rest * corpus.chunks // chunks
            request: Request
            with noticing_signals() as request:
                run = Run(trainer, workers, processes, callbacks if processes.rank == 0 else [], request)
                whole = run.train(state, lambda state: _store(folder, parameters, state))
            self._keep(trainer, state)
            if not whole:
                _store(folder, parameters, state)
                number = request.number
                if number is not None and checkpoints is not None:
                    raise Interrupted(number, checkpoints)
                raise KeyboardInterrupt
        finally:
            if folder is not None:
                folder.close()

    def _keep(self, trainer: ChunkTrainer, state: State) -> None:
        subwords, settings = None, trainer.settings
        if settings.subwords is not None:
            table = trainer.parameters.inputs[trainer.words :, : settings.dim].numpy().copy()
            subwords = Subwords(*settings.subwords, table)
        self.vocabulary_ = trainer.corpus.vocabulary
        self.vectors_ = Vectors(self.vocabulary_, trainer.word_vectors(), subwords)
        self.history_ = state.history
        self.loss_curve_ = state.curve

    def _fitted(self) -> Vectors:
        check_is_fitted(self)
        return self.vectors_

    def _checked_settings(self) -> Settings:
        parameters = self.get_params(deep=False)
        for name in _OF_THE_RUN:
            del parameters[name]
        if is_one_of(self.noise, ["auto"]):
            parameters["noise"] = "log-uniform" if is_one_of(self.loss, ["nce"]) else "unigram"
        return Settings(**parameters)

    def _config(self) -> dict[str, Any]:
        return self._checked_settings().record() | {"noise": self.noise}


def _restore(folder: Checkpoints, parameters: Parameters, state: State, *, resume: bool) -> None:
    if not resume:
        folder.clear()
        return
    newest = folder.newest()
    if newest is not None:
        tensors, told = newest
        try:
            parameters.restore(tensors)
            state.done, state.seconds = int(told["done"]), float(told["seconds"])
            if state.done < 0:
                raise ValueError(f"done: expected a whole number, found {state.done}")
            state.history = [dict(entry) for entry in told["history"]]
            state.curve = [(int(at), float(loss)) for at, loss in told["curve"]]
        except (KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
            raise CheckpointError(f"{folder.folder}: its newest checkpoint is not this run's: {error}") from error


def _store(folder: Checkpoints | None, parameters: Parameters, state: State) -> None:
    if folder is not None:
        told = {"done": state.done, "seconds": state.seconds, "history": state.history, "curve": state.curve}
        folder.save(state.done, parameters.named(), told)
