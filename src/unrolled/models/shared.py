"""What all processes of a run under torchrun have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.utils import check_random_state

from unrolled.training import joined


def drawn_seed(random_state: Any) -> int:
    """A seed drawn from a random state as scikit-learn takes it, the first process's for all."""
    with joined() as processes:
        return processes.first(own_seed(random_state))


def own_seed(random_state: Any) -> int:
    """A seed drawn from a random state as scikit-learn takes it, for this process.

    Raises:
        ValueError: it is no random state.
    """
    try:
        return int(check_random_state(random_state).randint(2**31))
    except (ValueError, TypeError) as error:
        raise ValueError(
            "random_state: expected None, a whole number from 0 to 2**32 - 1 or a NumPy RandomState, found "
            f"{random_state!r:.100}"
        ) from error


def made_once(make: Callable[[], str]) -> str:
    """Text that the first process makes for all, which takes long or is not the same twice."""
    with joined() as processes:
        return processes.first_bytes(make().encode() if processes.rank == 0 else b"").decode()
