"""The learning rate over the steps of a run, as a part of its highest value."""

from __future__ import annotations

from math import cos, pi

RISE = 0.3


def learning_rate_factor(schedule: str, warmup: float, step: int, steps: int) -> float:
    """The factor of the learning rate at a step.

    Args:
        schedule: "constant", "linear", "cosine" or "one-cycle".
        warmup: part of all steps in which the rate rises from zero.
        step: from 0 to below `steps`.
        steps: of the whole run.
    """
    if schedule == "one-cycle":
        warmup = max(warmup, RISE)
    rising = warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    if schedule == "constant":
        return 1.0
    left = (steps - step) / (steps - rising)
    return left if schedule == "linear" else 0.5 * (1 - cos(pi * left))
