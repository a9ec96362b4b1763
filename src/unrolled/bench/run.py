"""Runs a workload: checks that all contenders give the same, then times them in turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from unrolled.bench.measure import medians
from unrolled.bench.peak import peak
from unrolled.bench.peers import PEERS, SkippedError, Ways, ours
from unrolled.bench.workloads import Workload
from unrolled.compiler.target import host


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a workload.

    Attributes:
        workload: its name.
        mode: "train" (forward and backward) or "infer".
        times: by peer, how many times longer than ours it takes.
        share: the speed of our products, of the most that the processor can do (see `peak`) in the same minutes.
        fill: the part of all steps that is no padding.
        skipped: by peer, why it was not measured.
    """

    workload: str
    mode: str
    times: dict[str, float]
    share: float
    fill: float
    skipped: dict[str, str]


def measured(workload: Workload, peers: Iterable[str], *, seconds: float) -> list[Row]:
    """Times one workload.

    Args:
        workload: what to run.
        peers: names out of `PEERS`.
        seconds: for each mode, all contenders together.

    Raises:
        AssertionError: a peer gives other outputs than we do.
    """
    contenders, skipped = {"ours": ours(workload)}, {}
    for name in peers:
        try:
            contenders[name] = PEERS[name](workload)
        except SkippedError as why:
            skipped[name] = str(why)
    _check(workload, contenders)
    rows = []
    for mode, passes in (("train", 3), ("infer", 1)):
        ways = {name: getattr(both, mode) for name, both in contenders.items()}
        if ways["ours"] is None:
            continue
        times = medians(ways, seconds=seconds)
        own = times.pop("ours")
        share = passes * workload.operations / own / peak(bf16=workload.bf16 and host().bf16_pays)
        lengths = workload.lengths
        fill = 1.0 if lengths is None else float(lengths.sum()) / (workload.batch * workload.steps)
        rows.append(
            Row(workload.name, mode, {name: taken / own for name, taken in times.items()}, share, fill, skipped)
        )
    return rows


def _check(workload: Workload, contenders: dict[str, Ways]) -> None:
    expected = np.asarray(contenders["ours"].infer())
    loose = workload.bf16
    for name, ways in contenders.items():
        if name == "ours padded":
            continue
        found = np.asarray(ways.infer())
        message = f"{name} differs on {workload.name}"
        if name != "ours":
            np.testing.assert_allclose(
                found, expected, rtol=0.1 if loose else 1e-3, atol=0.05 if loose else 1e-4, err_msg=message
            )
