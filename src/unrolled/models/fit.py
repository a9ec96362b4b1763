"""One call of an estimator's `fit`: its seed, its checkpoints, and who looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from unrolled.checks import as_path, expect, truth
from unrolled.models.estimator import cell_maker
from unrolled.models.shared import drawn_seed
from unrolled.training import Callback, Checkpoints, Loss, Options, ProgressBar, chosen_device, train


@dataclass(frozen=True)
class Fit:
    """One call of `fit` that trains a network.

    Attributes:
        written: of the constructor's arguments, what makes the model what it is, as JSON values by name.
        seed: of everything random, the same in all processes.
        device: where the network is trained.
        callbacks: look on.
        folder: of checkpoints, None for none.
        resume: go on from the newest one there.
    """

    written: dict[str, Any]
    seed: int
    device: torch.device
    callbacks: Sequence[Callback]
    folder: Path | None
    resume: bool

    @classmethod
    def of(cls, estimator: Any, written: Callable[[], dict[str, Any]], checkpoints: Any, resume: Any) -> Self:
        """The call for an estimator, what would be saved of its arguments, and two arguments of its `fit`.

        Raises:
            TypeError, ValueError: an argument, there or of the constructor, is not what it should be.
        """
        # What is wrong with the cell is said before anything is read.
        with torch.random.fork_rng(devices=[]):
            cell_maker(estimator.cell, estimator.hidden_size, estimator.cell_options)(1)
        folder = checkpoint_folder(checkpoints, resume, estimator.random_state)
        callbacks = onlookers(estimator.callbacks, estimator.verbose)
        device = chosen_device(estimator.device)
        return cls(written(), drawn_seed(estimator.random_state), device, callbacks, folder, resume)

    def within(self, name: str) -> Self:
        """The same for one of several trainings, whose checkpoints have a folder of their own."""
        return replace(self, folder=None if self.folder is None else self.folder / name)

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """Draws from the seed; the caller's random state is left alone."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            yield

    def train(
        self,
        network: nn.Module,
        loss: Callable[[Any, Any], Loss],
        batches: Callable[[torch.Generator], Sequence[Any]],
        options: Options,
        *,
        data: Iterable[Any],
        validate: Callable[[Any], dict[str, float]] | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> list[dict[str, Any]]:
        """Trains a network, and gives the history; see `unrolled.training.train`.

        Args:
            data: arrays of all that is trained and validated on, by which a run that is resumed knows its data again;
                only looked at where there are checkpoints.
            callbacks: look on before the others.
        """
        with self._checkpoints(options, data) as checkpoints:
            return train(
                network,
                loss,
                batches,
                options,
                seed=self.seed,
                validate=validate,
                callbacks=[*callbacks, *self.callbacks],
                checkpoints=checkpoints,
                resume=self.resume,
            )

    def _checkpoints(self, options: Options, data: Iterable[Any]) -> AbstractContextManager[Checkpoints | None]:
        if self.folder is None:
            return nullcontext()
        known = {**self.written, "epochs": options.epochs, "seed": self.seed, "data": fingerprint(data)}
        return closing(Checkpoints(self.folder, known))


def onlookers(callbacks: Any, verbose: Any) -> list[Callback]:
    """The callbacks of a training, with a progress bar if wanted.

    Raises:
        ValueError: `callbacks` is no list of callbacks.
        TypeError: `verbose` is not True or False.
    """
    truth("verbose", verbose)
    known = isinstance(callbacks, (list, tuple)) and all(isinstance(each, Callback) for each in callbacks)
    expect("callbacks", callbacks, "a list of instances of unrolled.training.Callback", known)
    return [*callbacks, *([ProgressBar()] if verbose else [])]


def fingerprint(arrays: Iterable[Any]) -> str:
    """A checksum of arrays, by which a run that is resumed knows its data again."""
    found = sha256()
    for each in arrays:
        array = np.ascontiguousarray(each)
        found.update(f"{array.dtype} {array.shape} ".encode())
        # Times have no buffer of their own, and objects no bytes.
        as_text = array.dtype == object
        found.update(repr(array.tolist()).encode() if as_text else array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def checkpoint_folder(checkpoints: Any, resume: Any, random_state: Any) -> Path | None:
    """The folder of a training's checkpoints, None without.

    Raises:
        TypeError: `checkpoints` is no path, or `resume` not True or False.
        ValueError: there is no `random_state`, without which a run is never the same again.
    """
    truth("resume", resume)
    if checkpoints is None:
        return None
    if random_state is None:
        raise ValueError("random_state: expected a seed, since a run with checkpoints can be resumed, found None")
    return as_path("checkpoints", checkpoints)
