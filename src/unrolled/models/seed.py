"""One seed for a whole run."""

from __future__ import annotations

from typing import Any

from sklearn.utils import check_random_state

from unrolled.training import joined


def drawn_seed(random_state: Any) -> int:
    """A seed drawn from a random state as scikit-learn takes it; under torchrun the first process's, for all."""
    with joined() as processes:
        return processes.first(int(check_random_state(random_state).randint(2**31)))
