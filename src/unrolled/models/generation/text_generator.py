"""`TextGenerator`: a recurrent language model, which writes on and says how likely a text is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from math import exp
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from unrolled.cells import Cell
from unrolled.checks import instance, integer, integer_or_none
from unrolled.data.documents import Documents, plain
from unrolled.models.estimator import cell_maker, read_parameters, training_options, written_parameters
from unrolled.models.fit import Fit
from unrolled.models.folder import (
    TOKENIZER,
    assembled,
    making,
    read_model,
    read_tokenizer,
    read_vocabulary,
    write_model,
)
from unrolled.models.generation.byte_pairs import BytePairs
from unrolled.models.generation.characters import Characters
from unrolled.models.generation.network import GeneratorNetwork
from unrolled.models.generation.sampling import Choice, Writer
from unrolled.models.generation.score import LARGEST, TextScore, log_probabilities
from unrolled.models.generation.settings import Settings
from unrolled.models.generation.tokens import Tokens, Units
from unrolled.models.generation.tracks import Tracks
from unrolled.models.shared import made_once, own_seed
from unrolled.training import Callback, Options, joined

Corpus = str | Path | Documents | Iterable[str | Path]


class TextGenerator(BaseEstimator):  # type: ignore[misc]
    """Learns to say what comes next in a text, character by character or subword by subword, and so to write.

    Recurrent language models: Mikolov et al. 2010; of characters, Sutskever, Martens, Hinton 2011. Dropout of recurrent
    weights: Merity, Keskar, Socher 2018. Training is truncated backpropagation through time: the text is cut into
    `batch_size` tracks, read side by side `truncate` steps at a time, and the state goes on from chunk to chunk.

    Args:
        cell: name of a cell (`unrolled.cells.by_name`), or a class of cells.
        hidden_size: units of each layer.
        num_layers: recurrent layers; at most 1,000.
        level: "char" for characters, "subword" for byte-pair encoding over UTF-8.
        embedding_size: numbers of a symbol's vector; None for as many as the top layer gives.
        vocabulary_size: most subwords, 256 (the bytes) or more; of no use for characters.
        min_count: characters that occur more rarely are unknown, in training already; of no use for subwords.
        tied: whether the softmax uses the embedding's matrix (Press, Wolf 2017).
        dropout: probability that a number is dropped on its way from layer to layer and into the softmax, in training.
        variational: whether each track has one mask of dropout for all steps of a chunk (Gal, Ghahramani 2016).
        weight_dropout: probability that a recurrent weight is dropped, for all steps of a chunk.
        truncate: steps over which gradients go back.
        batch_size: tracks side by side.
        epochs: passes over the training data.
        lr: learning rate, at its highest.
        optimizer: "adam", "adamw" or "sgd".
        weight_decay: of the optimizer.
        clip_norm: gradients are scaled down to this norm, None for never.
        schedule: of the learning rate: "constant", "linear", "cosine" or "one-cycle".
        warmup: part of all steps in which the learning rate rises.
        patience: stop after this many epochs without improvement, and go back to the best; None to train to the end.
        average: how many of the last epochs' parameters are averaged.
        validation_fraction: part at the end of the corpus that is held back to validate; 0 for none.
        random_state: seed (an integer or a NumPy RandomState); the same gives the same model bit for bit on one
            machine and thread count. None draws one.
        device: "auto" (CUDA if there is one), or a torch device.
        cell_options: further arguments of the cell.
        verbose: whether to show a progress bar.
        callbacks: instances of `unrolled.training.Callback`.

    Attributes:
        units_: the characters or subwords.
        ends_: whether it learned from documents, which end, and so can end what it writes.
        history_: a dictionary for every epoch; see `unrolled.training.train`. Losses are nats a symbol, "rate" is
            symbols a second.
        network_: the trained torch module.

    Memory: one, two or four bytes for each symbol of the corpus, twice while it is trained on; what
    `unrolled.training.train` states; and for a chunk `batch_size * truncate` times some 15 numbers of four bytes for
    each unit of each layer of an LSTM.
    """

    def __init__(
        self,
        cell: str | type[Cell] = "lstm",
        hidden_size: int = 256,
        num_layers: int = 2,
        level: str = "char",
        embedding_size: int | None = None,
        vocabulary_size: int = 4000,
        min_count: int = 1,
        tied: bool = True,
        dropout: float = 0.3,
        variational: bool = False,
        weight_dropout: float = 0.0,
        truncate: int = 100,
        batch_size: int = 32,
        epochs: int = 20,
        lr: float = 3e-3,
        optimizer: str = "adam",
        weight_decay: float = 0.0,
        clip_norm: float | None = 1.0,
        schedule: str = "cosine",
        warmup: float = 0.02,
        patience: int | None = None,
        average: int = 1,
        validation_fraction: float = 0.05,
        random_state: Any = None,
        device: str = "auto",
        cell_options: dict[str, Any] | None = None,
        verbose: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.level = level
        self.embedding_size = embedding_size
        self.vocabulary_size = vocabulary_size
        self.min_count = min_count
        self.tied = tied
        self.dropout = dropout
        self.variational = variational
        self.weight_dropout = weight_dropout
        self.truncate = truncate
        self.batch_size = batch_size
        self.epochs = epochs
        self.lr = lr
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.schedule = schedule
        self.warmup = warmup
        self.patience = patience
        self.average = average
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.cell_options = cell_options
        self.verbose = verbose
        self.callbacks = callbacks

    @joined()
    def fit(
        self,
        corpus: Corpus,
        validation_data: Corpus | None = None,
        *,
        checkpoints: str | Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Learns from a text, or from documents.

        Args:
            corpus: the text itself, a `pathlib.Path` to it (plain or compressed), or a list of these: documents, each
                of which ends; see `unrolled.data.Documents`.
            validation_data: what to validate on, instead of the end of the corpus.
            checkpoints: folder to save to after each epoch and when stopped by a signal; needs a fixed random_state.
            resume: go on from the newest checkpoint there.

        Returns:
            The generator itself.

        Raises:
            ValueError: an argument, here or of the constructor, is not what it should be; the message names it.
            NonFiniteLossError: training diverged.
            Interrupted: a signal asked to stop; only with checkpoints.
        """
        settings, options = self._settings(), self._options()
        fit = Fit.of(self, self._config, checkpoints, resume)
        documents = _documents(corpus)
        given = None if validation_data is None else _documents(validation_data, "validation_data")
        self.ends_ = documents.ends
        self.units_: Units
        if settings.level == "char":
            self.units_ = Characters.learn(documents, int(settings.min_count))
        else:
            size = int(settings.vocabulary_size)
            self.units_ = BytePairs.read(made_once(lambda: BytePairs.learn(documents, size).text))
        tokens = self._tokens(documents)
        count = 0 if given is not None else min(round(settings.validation_fraction * len(tokens)), len(tokens) - 1)
        own, held = tokens.split(count)
        if given is not None:
            held = self._tokens(given, "validation_data").values
        with fit.seeded():
            self.network_ = self._network(settings).to(fit.device)
        tracks = Tracks(own, len(self.units_), int(settings.truncate), int(settings.batch_size), fit.device)
        self.network_.prepare_to_carry(tracks.rows)
        try:
            self.history_ = fit.train(
                self.network_,
                tracks.loss,
                tracks.batches,
                options,
                data=[own, held],
                validate=(lambda network: self._validate(network, held)) if len(held) else None,
            )
        finally:
            self.network_.forget_carried()
        return self

    def sample(
        self,
        prompt: str = "",
        n: int = 500,
        temperature: float = 1.0,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: Any = None,
    ) -> str:
        """Writes on.

        Args:
            prompt: what is written on from; empty to begin as a text begins.
            n: most characters, or subwords, that are written. It ends before where a document ends.
            temperature: logits are divided by it; below 1 makes likely symbols likelier, 0 takes the likeliest.
            top_k: only so many of the likeliest symbols are drawn from; None for all.
            top_p: only the likeliest symbols that together have at least this probability; None for all.
            random_state: seed; the same gives the same text. None draws one.

        Returns:
            What was written, without the prompt.

        Raises:
            ValueError: an argument is not what it should be.
            NotFittedError: `fit` was not called.
        """
        integer("n", n, least=0)
        found = self.stream(prompt, n, temperature, top_k=top_k, top_p=top_p, random_state=random_state)
        return "".join(found)

    def stream(
        self,
        prompt: str = "",
        n: int | None = None,
        temperature: float = 1.0,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: Any = None,
    ) -> Iterator[str]:
        """As `sample`, but gives the text in pieces, as it is made; each takes the same time.

        Args: those of `sample`; `n` may be None, for a text without end.

        Raises:
            ValueError, NotFittedError: as `sample`.
        """
        check_is_fitted(self)
        instance("prompt", prompt, str, "text")
        n = integer_or_none("n", n, least=0)
        choice = Choice(temperature, top_k, top_p)
        seed = own_seed(random_state)
        return self._written(prompt, n, choice, torch.Generator().manual_seed(seed))

    def _written(self, prompt: str, n: int | None, choice: Choice, generator: torch.Generator) -> Iterator[str]:
        units, end = self.units_, len(self.units_)
        read = np.concatenate([[end], *units.encode([plain(prompt)])])
        silent = torch.tensor([] if units.unknown is None else [units.unknown], dtype=torch.int64)
        decode = units.decoder()
        for symbol in islice(Writer(self.network_).write(read, choice, silent, generator), n):
            if symbol == end:
                return
            if piece := decode(symbol):
                yield piece

    def score(self, corpus: Corpus) -> TextScore:
        """How well a text is predicted, each symbol from all before it; exact, and the same whatever the batches.

        Args:
            corpus: as `fit` takes it. Documents follow each other, as they did in training.

        Raises:
            ValueError: the corpus is not what it should be, or has no text.
            NotFittedError: `fit` was not called.

        Time: that of one pass over the text with a batch of one row.
        """
        check_is_fitted(self)
        tokens = self._tokens(_documents(corpus))
        unknown = 0 if self.units_.unknown is None else int((tokens.values == self.units_.unknown).sum())
        nats = -float(self._told(self.network_, tokens.values).sum())
        return TextScore.of(nats, len(tokens), tokens.characters, unknown)

    def log_probabilities(self, corpus: Corpus) -> NDArray[np.float64]:
        """Natural logarithm of the probability of each symbol, given all before it, (symbols,).

        Args and errors as of `score`.
        """
        check_is_fitted(self)
        return self._told(self.network_, self._tokens(_documents(corpus)).values)

    def save(self, path: str | Path) -> None:
        """Writes the trained generator to a folder: `config.json`, `model.safetensors`, and what its symbols are.

        That is `vocabulary.json` for characters, `tokenizer.json` for subwords.

        An earlier model there is replaced as a whole; any other folder is left alone.

        Raises:
            ModelError: the folder holds something else.
            ValueError: the cell options cannot be written as JSON.
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        config = self._config() | {"ends": self.ends_, "history": self.history_}
        units = self.units_
        write_model(
            path,
            type(self).__name__,
            config,
            self.network_.state_dict(),
            vocabulary=units.characters if isinstance(units, Characters) else None,
            tokenizers={TOKENIZER: units.text} if isinstance(units, BytePairs) else None,
        )

    @classmethod
    def load(cls, path: str | Path, *, cell: type[Cell] | None = None, device: str = "auto") -> Self:
        """Reads a generator that `save` wrote.

        Args:
            path: the folder.
            cell: the class of cells, where it is not one of `unrolled.cells`; files name it but cannot bring it.
            device: as the constructor's.

        Raises:
            ModelError: a file is missing, damaged, or not a generator's.
        """
        config, tensors = read_model(path, cls.__name__)
        with making(path, "a text generator"):
            made = cls(**read_parameters(path, config, cell), device=device)
            settings = made._settings()
            made._options()
            if settings.level == "char":
                made.units_ = Characters.read(read_vocabulary(path, config))
            else:
                made.units_ = BytePairs.read(read_tokenizer(path, config))
            made.ends_ = bool(config["ends"])
            made.history_ = list(config["history"])
            made.network_ = assembled(lambda: made._network(settings), tensors, device)
        return made

    def _settings(self) -> Settings:
        given = self.get_params(deep=False)
        settings = Settings(**{field.name: given[field.name] for field in fields(Settings)})
        output_size, size = self._output_size(), settings.embedding_size
        if settings.tied and size is not None and size != output_size:
            raise ValueError(
                f"embedding_size: expected {output_size}, what the top layer gives, or None, since it is tied to the "
                f"softmax; found {size}"
            )
        return settings

    def _options(self) -> Options:
        return training_options(self)

    def _make_cell(self) -> Callable[[int], Cell]:
        return cell_maker(self.cell, self.hidden_size, self.cell_options)

    def _output_size(self) -> int:
        """Features that a layer gives."""
        # Sizes that come from a file may be absurd: no memory is taken for them here.
        with torch.device("meta"):
            return self._make_cell()(1).output_size

    def _network(self, settings: Settings) -> GeneratorNetwork:
        symbols = len(self.units_) + 1
        network = GeneratorNetwork(
            symbols if self.ends_ else symbols - 1,
            symbols,
            int(settings.embedding_size or self._output_size()),
            self._make_cell(),
            num_layers=int(settings.num_layers),
            tied=bool(settings.tied),
            dropout=float(settings.dropout),
            variational=bool(settings.variational),
            weight_dropout=float(settings.weight_dropout),
        )
        if self.units_.unknown is not None:
            # Where training has no unknown character, one says nothing.
            with torch.no_grad():
                network.embedding[self.units_.unknown] = 0.0
        return network

    def _tokens(self, documents: Documents, name: str = "corpus") -> Tokens:
        tokens = Tokens.of(documents, self.units_, ends=self.ends_)
        if not tokens.characters:
            raise ValueError(f"{name}: expected text, found none")
        return tokens

    def _told(self, network: GeneratorNetwork, values: NDArray[Any]) -> NDArray[np.float64]:
        return torch.cat(list(log_probabilities(network, values, len(self.units_)))).numpy()

    def _validate(self, network: Any, held: NDArray[Any]) -> dict[str, float]:
        nats = -float(self._told(network, held).mean())
        return {"validation_loss": nats, "validation_perplexity": exp(min(nats, LARGEST))}

    def _config(self) -> dict[str, Any]:
        return {"parameters": written_parameters(self)}


def _documents(given: Any, name: str = "corpus") -> Documents:
    if isinstance(given, Documents):
        return given
    try:
        return Documents(given)
    except ValueError as error:
        raise ValueError(str(error).replace("corpus", name, 1)) from None
