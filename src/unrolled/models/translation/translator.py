"""`Translator`: sentences of one language to those of another, learned from pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from unrolled.cells import Cell
from unrolled.checks import at_least_0, instance, integer, integer_or_none, is_iterable, truth, within
from unrolled.data import Pairs, token_batches
from unrolled.models.estimator import cell_maker, read_parameters, training_options, written_parameters
from unrolled.models.fit import Fit
from unrolled.models.folder import (
    SOURCE_TOKENIZER,
    TARGET_TOKENIZER,
    assembled,
    making,
    read_model,
    read_tokenizer,
    write_model,
)
from unrolled.models.shared import made_once, own_seed
from unrolled.models.translation.alignment import Alignment, aligned
from unrolled.models.translation.corpus import Corpus, source_tokens
from unrolled.models.translation.decoding import CHUNK, Choices, Decoding, Translation
from unrolled.models.translation.network import TranslationNetwork
from unrolled.models.translation.objective import SCORED_TOKENS, Cost, Validation
from unrolled.models.translation.score import TranslationScore, scored
from unrolled.models.translation.search import Penalties
from unrolled.models.translation.settings import Settings
from unrolled.models.translation.tokenizer import END, Subwords
from unrolled.models.translation.twofold import Twofold
from unrolled.training import Callback, Options, joined

Side = str | Path | Pairs | Iterable[Any]


class Translator(BaseEstimator):  # type: ignore[misc]
    """Learns to translate from pairs of sentences: an encoder-decoder with attention, over subwords.

    Encoder-decoder: Sutskever, Vinyals, Le 2014; Cho et al. 2014. Attention: see `unrolled.nn.Attention`.

    Args:
        cell: name of a cell (`unrolled.cells.by_name`), or a class of cells.
        hidden_size: units of each layer, and of each direction.
        num_layers: layers of the encoder, and of the decoder; at most 1,000.
        bidirectional: whether the encoder reads the source backwards too.
        embedding_size: numbers of a token's vector.
        attention: "bahdanau" (additive), "luong" (general), "dot", or None: then all that the decoder knows of the
            source is the state it starts from.
        input_feeding: whether what was attended to is part of the decoder's next input (Luong, Pham, Manning 2015); the
            decoder then goes step by step in training, which takes longer.
        reverse_source: whether the source is read from its end; what helps without attention (Sutskever, Vinyals, Le
            2014).
        tied: whether the softmax uses the target embedding's matrix (Press, Wolf 2017).
        dropout: probability that a number is dropped on its way into a layer, and into the softmax, while training.
        variational: whether each sentence has one mask of dropout for all its steps (Gal, Ghahramani 2016).
        label_smoothing: part of the target spread over all tokens (Szegedy et al. 2016).
        scheduled_sampling: part of the decoder's inputs in training that is what it would say itself (Bengio et al.
            2015), once the run is over; it rises from 0 in a straight line. Training takes longer with it.
        softmax_samples: tokens that the softmax of a training step draws besides the batch's targets, for a large
            vocabulary (Jean et al. 2015); None for all of the vocabulary.
        vocabulary_size: most tokens of each language.
        subwords: "bpe" (Sennrich, Haddow, Birch 2016) or "unigram" (Kudo 2018).
        max_length: pairs with more tokens on a side are not trained on; longer sentences are translated in pieces.
        epochs: passes over the training data.
        batch_tokens: tokens of a batch on each side, padding counted.
        lr: learning rate, at its highest.
        optimizer: "adam", "adamw" or "sgd".
        weight_decay: of the optimizer.
        clip_norm: gradients are scaled down to this norm, None for never.
        schedule: of the learning rate: "constant", "linear", "cosine" or "one-cycle".
        warmup: part of all steps in which the learning rate rises.
        patience: stop after this many epochs without improvement, and go back to the best; None to train to the end.
        monitor: what has to improve: "loss", or "bleu" (of greedy decoding), of the validation data.
        average: how many of the last epochs' parameters are averaged.
        validation_fraction: part of the training data that is held back to validate; 0 for none.
        random_state: seed (an integer or a NumPy RandomState); the same gives the same model bit for bit on one
            machine and thread count. None draws one.
        device: "auto" (CUDA if there is one), or a torch device.
        cell_options: further arguments of the cell.
        verbose: whether to show a progress bar.
        callbacks: instances of `unrolled.training.Callback`.

    Attributes:
        subwords_: of source and target.
        history_: a dictionary for every epoch; see `unrolled.training.train`. Losses are nats a token, "rate" is
            target tokens a second.
        dropped_: pairs that were not trained on, since a side was empty or longer than `max_length`.
        network_: the trained torch module.

    Memory: four bytes a token, and what `unrolled.training.train` states; a batch's logits are `batch_tokens` times
    `vocabulary_size` numbers.
    """

    def __init__(
        self,
        cell: str | type[Cell] = "lstm",
        hidden_size: int = 256,
        num_layers: int = 1,
        bidirectional: bool = True,
        embedding_size: int = 256,
        attention: str | None = "bahdanau",
        input_feeding: bool = False,
        reverse_source: bool = False,
        tied: bool = True,
        dropout: float = 0.3,
        variational: bool = False,
        label_smoothing: float = 0.1,
        scheduled_sampling: float = 0.0,
        softmax_samples: int | None = None,
        vocabulary_size: int = 6000,
        subwords: str = "bpe",
        max_length: int = 100,
        epochs: int = 20,
        batch_tokens: int = 800,
        lr: float = 8e-4,
        optimizer: str = "adam",
        weight_decay: float = 0.0,
        clip_norm: float | None = 1.0,
        schedule: str = "cosine",
        warmup: float = 0.05,
        patience: int | None = None,
        monitor: str = "loss",
        average: int = 1,
        validation_fraction: float = 0.02,
        random_state: Any = None,
        device: str = "auto",
        cell_options: dict[str, Any] | None = None,
        verbose: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.embedding_size = embedding_size
        self.attention = attention
        self.input_feeding = input_feeding
        self.reverse_source = reverse_source
        self.tied = tied
        self.dropout = dropout
        self.variational = variational
        self.label_smoothing = label_smoothing
        self.scheduled_sampling = scheduled_sampling
        self.softmax_samples = softmax_samples
        self.vocabulary_size = vocabulary_size
        self.subwords = subwords
        self.max_length = max_length
        self.epochs = epochs
        self.batch_tokens = batch_tokens
        self.lr = lr
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.schedule = schedule
        self.warmup = warmup
        self.patience = patience
        self.monitor = monitor
        self.average = average
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.cell_options = cell_options
        self.verbose = verbose
        self.callbacks = callbacks

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments, by name."""
        own: dict[str, Any] = super().get_params(deep)
        return own | {"attention": vars(self)["attention"]}

    @joined()
    def fit(
        self,
        source: Side,
        target: Side | None = None,
        validation_data: tuple[Side, Side] | Side | None = None,
        *,
        checkpoints: str | Path | None = None,
        resume: bool = False,
    ) -> Self:
        """Trains on pairs of sentences, which are read as a stream, for the subwords and then as tokens.

        Args:
            source: a file of one sentence a line, plain or compressed, or a list of sentences; without target, a file
                of tab-separated pairs, a list of pairs, or `unrolled.data.Pairs`.
            target: the translations, in the same order.
            validation_data: source and target to validate on, or pairs, instead of a part of the training data.
            checkpoints: folder to save to after each epoch and when stopped by a signal; needs a fixed random_state.
            resume: go on from the newest checkpoint there.

        Returns:
            The translator itself.

        Raises:
            ValueError: an argument, here or of the constructor, is not what it should be; the message names it.
            NonFiniteLossError: training diverged.
            Interrupted: a signal asked to stop; only with checkpoints.
        """
        settings, options = self._settings(), self._options()
        fit = Fit.of(self, self._config, checkpoints, resume)
        pairs = _pairs(source, target)
        with within("validation_data"):
            given = None if validation_data is None else _pairs_of(validation_data)
        size, kind = int(settings.vocabulary_size), settings.subwords
        self.subwords_ = (
            Subwords.read(made_once(lambda: Subwords.train((pair[0] for pair in pairs), size, kind).text)),
            Subwords.read(made_once(lambda: Subwords.train((pair[1] for pair in pairs), size, kind).text)),
        )
        longest = int(settings.max_length)
        corpus = self._corpus(pairs, longest)
        self.dropped_ = corpus.dropped
        if not len(corpus):
            raise ValueError(f"source: expected pairs with at most {longest} tokens on each side, found none")
        held = torch.arange(0)
        own = torch.arange(len(corpus))
        if given is None:
            order = torch.randperm(len(corpus), generator=torch.Generator().manual_seed(fit.seed))
            count = min(round(settings.validation_fraction * len(corpus)), len(corpus) - 1)
            held, own = order[:count].sort().values, order[count:].sort().values
        # Text that was held back is judged as it comes: long sentences too.
        with within("validation_data"):
            validation = corpus if given is None else self._corpus(given, None)
        if given is not None:
            held = torch.arange(len(validation))
            if not len(held):
                raise ValueError("validation_data: expected at least one pair with text on both sides, found none")
        with fit.seeded():
            self.network_ = self._network(settings).to(fit.device)
        cost = Cost(corpus, fit.device, settings)
        lengths = corpus.lengths[own]
        sides = (side for each in (corpus, validation) for side in (each.source, each.target))
        self.history_ = fit.train(
            self.network_,
            cost,
            lambda generator: [own[batch] for batch in token_batches(lengths, int(settings.batch_tokens), generator)],
            options,
            data=(array for side in sides for array in (side.values, side.lengths)),
            validate=self._validation(validation, held) if len(held) else None,
            callbacks=[cost],
        )
        return self

    def translate(
        self,
        sentences: Iterable[str],
        beam: int = 5,
        *,
        length_penalty: float = 1.0,
        coverage_penalty: float = 0.0,
        copy_unknown: bool = False,
        max_length: int | None = None,
    ) -> list[str]:
        """The best translation of each sentence.

        Args:
            sentences: text; an empty one has an empty translation.
            beam: sentences that are kept at each step; 1 is greedy.
            length_penalty, coverage_penalty: alpha and beta of Wu et al. 2016, equation 14; more of the first favours
                longer translations, more of the second those that leave nothing out.
            copy_unknown: whether characters that the target vocabulary does not have are copied from where attention
                was; else they are not said at all.
            max_length: most tokens of a translation; None for twice the source's and ten.

        Raises:
            ValueError: an argument is not what it should be.
            NotFittedError: `fit` was not called.
        """
        found = self.candidates(
            sentences,
            beam,
            n_best=1,
            length_penalty=length_penalty,
            coverage_penalty=coverage_penalty,
            copy_unknown=copy_unknown,
            max_length=max_length,
        )
        return [best.text for best, *_ in found]

    def candidates(
        self,
        sentences: Iterable[str],
        beam: int = 5,
        *,
        n_best: int | None = None,
        length_penalty: float = 1.0,
        coverage_penalty: float = 0.0,
        copy_unknown: bool = False,
        max_length: int | None = None,
        chunk: int | None = None,
    ) -> Iterator[list[Translation]]:
        """The best translations of each sentence with their scores, the best first, as a stream.

        Args: those of `translate`, and
            n_best: of each sentence, as many as `beam` unless given.
            chunk: sentences that are read before the first translation is given; more go into batches of more similar
                length, and so faster. Some hundred unless given.

        Raises:
            ValueError, NotFittedError: as `translate`.
        """
        check_is_fitted(self)
        beam, best, together = integer("beam", beam), integer_or_none("n_best", n_best), integer_or_none("chunk", chunk)
        if best is not None and best > beam:
            raise ValueError(f"n_best: expected at most beam ({beam}), found {best}")
        truth("copy_unknown", copy_unknown)
        choices = Choices(
            beam=beam,
            n_best=best or beam,
            penalties=Penalties(
                at_least_0("length_penalty", length_penalty), at_least_0("coverage_penalty", coverage_penalty)
            ),
            copy_unknown=copy_unknown,
            max_length=integer_or_none("max_length", max_length),
        )
        return self._decoding()(_checked_sentences(sentences), choices, together or CHUNK)

    def sample(
        self,
        sentences: Iterable[str],
        temperature: float = 1.0,
        *,
        copy_unknown: bool = False,
        max_length: int | None = None,
        random_state: Any = None,
    ) -> list[str]:
        """A random translation of each sentence, drawn from the model token by token.

        Args: those of `translate`, and
            temperature: logits are divided by it; below 1 makes likely tokens likelier, 0 takes the likeliest.
            random_state: seed.

        Raises:
            ValueError, NotFittedError: as `translate`.
        """
        check_is_fitted(self)
        truth("copy_unknown", copy_unknown)
        seed = own_seed(random_state)
        generator = torch.Generator(self._device_now()).manual_seed(seed)
        choices = Choices(
            beam=0,
            temperature=at_least_0("temperature", temperature),
            copy_unknown=copy_unknown,
            max_length=integer_or_none("max_length", max_length),
            generator=generator,
        )
        return [best.text for best, *_ in self._decoding()(_checked_sentences(sentences), choices)]

    def score(self, source: Side, target: Side | None = None, *, beam: int = 5, **options: Any) -> TranslationScore:
        """BLEU and chrF of translations of the source, with the target as reference.

        Args:
            source, target: as `fit` takes them.
            beam, options: as `translate` takes them.

        Raises:
            ValueError, NotFittedError: as `translate` and `fit`.
        """
        check_is_fitted(self)
        pairs = list(_pairs(source, target))
        return scored(self.translate([pair[0] for pair in pairs], beam, **options), [pair[1] for pair in pairs])

    def log_probabilities(self, source: Side, target: Side | None = None) -> NDArray[np.float64]:
        """Natural logarithm of the probability of each target given its source, (pairs,).

        Args:
            source, target: as `fit` takes them.

        Raises:
            ValueError: a sentence is empty, or as `fit`.
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        corpus = self._corpus(_pairs(source, target), None)
        if corpus.dropped:
            raise ValueError("source, target: expected text on both sides of every pair, found an empty sentence")
        told = torch.zeros(len(corpus), dtype=torch.float64)
        with torch.no_grad():
            for batch in token_batches(corpus.lengths, SCORED_TOKENS):
                each = self.network_.log_probabilities(corpus.batch(batch, self._device_now()))
                told[batch] = each.double().cpu()
        return told.numpy()

    def _attention_of(self, sentence: str, target: str | None = None) -> Alignment:
        """Which tokens of a sentence each token of its translation looked at.

        Args:
            sentence: text.
            target: its translation; the translator's own unless given.

        Returns:
            The weights, with tokens for both axes; `save` draws them.

        Raises:
            ValueError: a sentence has no text, or the translator has no attention.
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        if vars(self)["attention"] is None:
            raise ValueError("attention: expected a translator with attention, found one that was made with None")
        for name, text in (("sentence", sentence), ("target", "" if target is None else target)):
            instance(name, text, str, "text")
        if target is None:
            (target,) = self.translate([sentence], copy_unknown=True)
        own, other = (kind.encode([text])[0] for kind, text in zip(self.subwords_, (sentence, target), strict=True))
        if not own:
            raise ValueError(f"sentence: expected text, found {sentence!r}")
        source, told = source_tokens(own, bool(self.reverse_source)), [*other, END]
        weights = aligned(self.network_, source, told)
        if self.reverse_source:
            weights = torch.cat([weights[:, :-1].flip(1), weights[:, -1:]], 1)
        return Alignment(self.subwords_[0].shown([*own, END]), self.subwords_[1].shown(told), weights.numpy())

    attention = Twofold(_attention_of)

    def save(self, path: str | Path) -> None:
        """Writes the trained translator to a folder: `config.json`, `model.safetensors`, and two tokenizers.

        An earlier model there is replaced as a whole; any other folder is left alone.

        Raises:
            ModelError: the folder holds something else.
            ValueError: the cell options cannot be written as JSON.
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self)
        config = self._config() | {"dropped": self.dropped_, "history": self.history_}
        names = (SOURCE_TOKENIZER, TARGET_TOKENIZER)
        texts = {name: kind.text for name, kind in zip(names, self.subwords_, strict=True)}
        write_model(path, type(self).__name__, config, self.network_.state_dict(), tokenizers=texts)

    @classmethod
    def load(cls, path: str | Path, *, cell: type[Cell] | None = None, device: str = "auto") -> Self:
        """Reads a translator that `save` wrote.

        Args:
            path: the folder.
            cell: the class of cells, where it is not one of `unrolled.cells`; files name it but cannot bring it.
            device: as the constructor's.

        Raises:
            ModelError: a file is missing, damaged, or not a translator's.
        """
        config, tensors = read_model(path, cls.__name__)
        texts = [read_tokenizer(path, config, name) for name in (SOURCE_TOKENIZER, TARGET_TOKENIZER)]
        with making(path, "a translator"):
            made = cls(**read_parameters(path, config, cell), device=device)
            settings = made._settings()
            made._options()
            made.subwords_ = (Subwords.read(texts[0]), Subwords.read(texts[1]))
            made.history_ = list(config["history"])
            made.dropped_ = int(config["dropped"])
            made.network_ = assembled(lambda: made._network(settings), tensors, device)
        return made

    def _settings(self) -> Settings:
        given = self.get_params(deep=False)
        return Settings(**{field.name: given[field.name] for field in fields(Settings)})

    def _options(self) -> Options:
        return training_options(self, monitor="-validation_bleu" if self.monitor == "bleu" else "validation_loss")

    def _make_cell(self) -> Callable[[int], Cell]:
        return cell_maker(self.cell, self.hidden_size, self.cell_options)

    def _network(self, settings: Settings) -> TranslationNetwork:
        return TranslationNetwork.of(settings, self._make_cell(), *map(len, self.subwords_))

    def _corpus(self, pairs: Iterable[tuple[str, str]], longest: int | None) -> Corpus:
        return Corpus.of(pairs, self.subwords_, longest=longest, reverse_source=bool(self.reverse_source))

    def _decoding(self) -> Decoding:
        return Decoding(
            self.network_, self.subwords_, longest=int(self.max_length), reverse_source=bool(self.reverse_source)
        )

    def _validation(self, corpus: Corpus, held: Tensor) -> Validation:
        decoding = self._decoding() if self.monitor == "bleu" else None
        return Validation(corpus, held, decoding)

    def _device_now(self) -> torch.device:
        return next(self.network_.parameters()).device

    def _config(self) -> dict[str, Any]:
        return {"parameters": written_parameters(self)}


def _pairs(source: Any, target: Any = None) -> Pairs:
    return source if isinstance(source, Pairs) and target is None else Pairs(source, target)


def _pairs_of(given: Any) -> Pairs:
    return Pairs(*given) if isinstance(given, tuple) and len(given) == 2 else _pairs(given)


def _checked_sentences(sentences: Any) -> Iterator[str]:
    if isinstance(sentences, str) or not is_iterable(sentences):
        raise ValueError(f"sentences: expected a list of sentences, found {type(sentences).__name__}")

    def each() -> Iterator[str]:
        for number, sentence in enumerate(sentences):
            instance(f"sentences[{number}]", sentence, str, "text")
            yield sentence

    return each()
