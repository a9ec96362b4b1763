"""How to train: the choices that every model offers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from unrolled.checks import at_least_0, expect, fraction, instance, integer, integer_or_none, is_number, one_of

OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("constant", "linear", "cosine", "one-cycle")


@dataclass(frozen=True, slots=True)
class Options:
    """Choices of a training run.

    Args:
        epochs: passes over the data.
        lr: learning rate, at its highest.
        optimizer: "adam" (Kingma, Ba 2015), "adamw" (Loshchilov, Hutter 2019) or "sgd" with momentum 0.9.
        weight_decay: as the optimizer takes it.
        clip_norm: gradients are scaled down to this norm (Pascanu, Mikolov, Bengio 2013); None for never.
        schedule: of the learning rate: "constant", "linear" or "cosine" decay to zero, or "one-cycle" (rise over the
            first 30 %, then cosine decay; Smith 2018).
        warmup: part of all steps in which the learning rate rises from zero, 0 to below 1.
        patience: stop after this many epochs without improvement of `monitor`, and go back to the best parameters;
            None to train to the end and keep the last.
        monitor: the validation metric that counts, smaller is better; with a minus before its name larger is.
        average: how many of the last epochs' parameters the trained ones are the mean of (Polyak, Juditsky 1992): of
            the last before the end, or before the best epoch if `patience` is set.

    Raises:
        ValueError: a value is out of its range; the message names the argument.
    """

    epochs: int = 10
    lr: float = 1e-3
    optimizer: str = "adam"
    weight_decay: float = 0.0
    clip_norm: float | None = 1.0
    schedule: str = "cosine"
    warmup: float = 0.0
    patience: int | None = None
    monitor: str = "validation_loss"
    average: int = 1

    def __post_init__(self) -> None:
        integer("epochs", self.epochs)
        expect("lr", self.lr, "a positive number", is_number(self.lr) and self.lr > 0)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        at_least_0("weight_decay", self.weight_decay)
        clip = self.clip_norm
        expect("clip_norm", clip, "a positive number or None", clip is None or (is_number(clip) and clip > 0))
        one_of("schedule", self.schedule, SCHEDULES)
        instance("monitor", self.monitor, str, "the name of a metric")
        fraction("warmup", self.warmup)
        integer_or_none("patience", self.patience)
        integer("average", self.average)

    def make_optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        """The optimizer for a module's parameters."""
        parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        lr, decay = float(self.lr), float(self.weight_decay)
        if self.optimizer == "sgd":
            return torch.optim.SGD(parameters, lr, momentum=0.9, weight_decay=decay, fused=True)
        kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        return kind(parameters, lr, weight_decay=decay, fused=True)
