"""A method that has the name of a constructor's argument."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any


class Twofold:
    """Reads as a method of the instance; what is assigned to it is kept in the instance, where `vars` finds it.

    scikit-learn has arguments as attributes of their name, and assigns them again in `set_params`.

    Args:
        method: the method.
    """

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self._method, instance)

    def __set__(self, instance: Any, value: Any) -> None:
        vars(instance)[self._name] = value
