"""Several processes, each with its share of the corpus, that agree on the parameters now and then."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unrolled.training import Processes


class Agreement:
    """What the processes of a run make of their tables; one alone has nothing to agree on.

    Args:
        processes: of the run.
        tables: of this process, which become those of the first.
    """

    def __init__(self, processes: Processes, tables: Sequence[Tensor]) -> None:
        self.processes, self.tables = processes, tables
        processes.copy_first(tables)
        self._base = [table.clone() for table in tables] if processes.count > 1 else []

    def reach(self) -> None:
        """Combines what every process has changed since the last time, row by row.

        Changes in different directions are added, so that a word that one process alone has met learns as fast as in
        one process; of changes in the same direction the mean is taken, since each has gone the whole way already. In
        between the squared lengths decide (after Maleki et al. 2020, "Adasum", arXiv:2006.02924).
        """
        for table, base in zip(self.tables, self._base, strict=False):
            table.sub_(base)
            rows = table if table.dim() == 2 else table.unsqueeze(1)
            alone = self.processes.sum(rows.square().sum(1, keepdim=True))
            self.processes.sum(table)
            together = rows.square().sum(1, keepdim=True).clamp_min(torch.finfo(table.dtype).tiny)
            rows.mul_((alone / together).clamp(1 / self.processes.count, 1))
            base.add_(table)
            table.copy_(base)
