"""Speed beside the peers, as a table; `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.measure import medians
from benchmarks.workloads import WORKLOADS, Forward, Workload


def training_step(module: torch.nn.Module, forward: Forward, inputs: Tensor, weights: Tensor) -> Callable[[], object]:
    """Forward and backward pass, as a step of training has them."""

    def step() -> None:
        module.zero_grad()
        forward(inputs).backward(weights)

    return step


def inference(forward: Forward, inputs: Tensor) -> Callable[[], object]:
    """The forward pass alone."""

    def run() -> Tensor:
        with torch.no_grad():
            return forward(inputs)

    return run


def check(workload: Workload) -> None:
    """Nothing is timed whose results differ."""
    found, expected = workload.ours(workload.inputs), workload.theirs(workload.inputs)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def peak() -> float:
    """Operations a second of torch's own large matrix product, as a measure of the machine."""
    a = torch.randn(1536, 1536)
    return 2.0 * 1536**3 / medians({"product": lambda: a @ a}, seconds=2)["product"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default 2)")
    parser.add_argument("--seconds", type=float, default=4.0, help="time for each measurement (default 4)")
    parser.add_argument("--only", default="", help="only workloads with this in their name")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    limit = peak()
    if not arguments.json:
        print(f"torch {torch.__version__}, {arguments.threads} threads; a large product: {limit / 1e9:.0f} GFLOP/s\n")
        print(
            "| workload | against | train | infer | infer, share of a large product |\n| --- | --- | --- | --- | --- |"
        )
    for make in WORKLOADS:
        workload = make()
        if arguments.only not in workload.name:
            continue
        check(workload)
        inputs = workload.inputs
        weights = torch.randn_like(workload.ours(inputs))
        train = medians(
            {
                "ours": training_step(workload.ours_module, workload.ours, inputs, weights),
                "theirs": training_step(workload.theirs_module, workload.theirs, inputs, weights),
            },
            seconds=arguments.seconds,
        )
        infer = medians(
            {"ours": inference(workload.ours, inputs), "theirs": inference(workload.theirs, inputs)},
            seconds=arguments.seconds,
        )
        row = {
            "workload": workload.name,
            "against": workload.peer,
            "train": train["theirs"] / train["ours"],
            "infer": infer["theirs"] / infer["ours"],
            "share": workload.operations / infer["ours"] / limit,
        }
        if arguments.json:
            print(json.dumps(row), flush=True)
        else:
            cells = (
                row["workload"],
                row["against"],
                f"{row['train']:.2f}",
                f"{row['infer']:.2f}",
                f"{row['share']:.0%}",
            )
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
