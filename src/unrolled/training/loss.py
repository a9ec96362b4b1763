"""What a batch costs, whole or shared among processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unrolled.training.distributed import Processes


@dataclass(frozen=True, slots=True)
class Loss:
    """What a batch costs.

    Attributes:
        mean: the loss to minimise, a number.
        count: examples in the batch.
        metrics: further means over the examples.
        weight: what the sum of losses was divided by to give the mean, such as how many values were not missing;
            None if that is `count`.
    """

    mean: Tensor
    count: int
    metrics: dict[str, Tensor]
    weight: Tensor | float | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A process's share of a batch: every so many examples, so that a batch sorted by length is shared evenly.

    Attributes:
        batch: the examples; those of a batch with too few for everyone are the first one's.
        counts: whether they count here.
    """

    batch: Any
    counts: bool

    @classmethod
    def of(cls, batch: Any, processes: Processes) -> Share:
        """This process's share."""
        if processes.count == 1:
            return cls(batch, True)
        own = batch[processes.rank :: processes.count]
        if isinstance(own, Tensor):
            own = own.contiguous()
        # A loss of nothing is no business of a model's: who has no example looks at one that counts elsewhere.
        return cls(own, True) if len(own) else cls(batch[:1], False)


@dataclass(frozen=True, slots=True)
class Whole:
    """What the whole batch costs.

    Attributes:
        mean: the loss.
        count: examples.
        metrics: further means over the examples.
        factor: of this process's mean in the whole one.
    """

    mean: float
    count: int
    metrics: dict[str, float]
    factor: float

    @classmethod
    def of(cls, own: Loss, processes: Processes, *, counts: bool) -> Whole:
        """Puts together what the shares cost."""
        mean, metrics = float(own.mean.detach()), {name: float(value) for name, value in own.metrics.items()}
        if processes.count == 1:
            return cls(mean, own.count, metrics, 1.0)
        count = own.count if counts else 0
        weight = float(own.count if own.weight is None else own.weight) if counts else 0.0
        values = [mean * weight if counts else 0.0, weight, count, *(value * count for value in metrics.values())]
        total, whole, examples, *sums = processes.sum(torch.tensor(values, dtype=torch.float64)).tolist()
        means = {name: value / examples for name, value in zip(metrics, sums, strict=True)}
        # Where everything is missing the mean is 0 whatever it is multiplied with.
        return cls(total / whole if whole else total, int(examples), means, weight / whole if whole else float(counts))
