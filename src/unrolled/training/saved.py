"""What a checkpoint of the training loop must hold: it may be damaged, or a stranger's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from torch import Tensor

_OF_OPTIMIZER = {
    "adam": {"step", "exp_avg", "exp_avg_sq"},
    "adamw": {"step", "exp_avg", "exp_avg_sq"},
    "sgd": {"momentum_buffer"},
}


def check_state(state: Mapping[str, Any]) -> None:
    """Checks the part that is JSON.

    Raises:
        KeyError, TypeError, ValueError: a value is missing or not what it should be.
    """
    for name in ("epoch", "step", "examples", "stale", "done"):
        if isinstance(state[name], bool) or not isinstance(state[name], int) or state[name] < 0:
            raise ValueError(f"{name}: expected a whole number, found {state[name]!r:.50}")
    for name in ("seconds", "best"):
        if not _is_number(state[name]) or isnan(state[name]):
            raise ValueError(f"{name}: expected a number, found {state[name]!r:.50}")
    for name in ("metrics", "sums"):
        _check_numbers(name, state[name])
    if not isinstance(state["history"], list):
        raise ValueError(f"history: expected a list, found {type(state['history']).__name__}")
    for entry in state["history"]:
        _check_numbers("history", entry)


def check_optimizer(kind: str, held: Mapping[int, Mapping[str, Tensor]], parameters: Sequence[Tensor]) -> None:
    """Checks an optimizer's tensors, which torch does not: its fused kernels would touch memory not theirs.

    Args:
        kind: the optimizer's name.
        held: its tensors, by the number of the parameter and by name.
        parameters: in their order.

    Raises:
        ValueError: a tensor is missing, or has another shape than its parameter.
    """
    for number, own in held.items():
        if not 0 <= number < len(parameters) or set(own) != _OF_OPTIMIZER[kind]:
            raise ValueError(f"optimizer.{number}: expected those of {kind}, found {', '.join(sorted(own))}")
        for name, value in own.items():
            shape = () if name == "step" else tuple(parameters[number].shape)
            if tuple(value.shape) != shape or not value.is_floating_point():
                raise ValueError(f"optimizer.{number}.{name}: expected shape {shape}, found {tuple(value.shape)}")


def check_like(name: str, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Checks that tensors have the names, shapes and types of others.

    Raises:
        ValueError: they have not.
    """
    for key in expected.keys() | tensors.keys():
        found = tensors.get(key)
        like = expected.get(key)
        if found is None or like is None or found.shape != like.shape or found.dtype != like.dtype:
            raise ValueError(f"{name}.{key}: missing, unknown, or of another shape or type")


def _check_numbers(name: str, value: Any) -> None:
    if not isinstance(value, dict) or not all(_is_number(number) for number in value.values()):
        raise ValueError(f"{name}: expected numbers by name, found {value!r:.50}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
