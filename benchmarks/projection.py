"""A dense layer on the outputs of all steps at once beside one inside the loop over the steps.

python -m benchmarks.projection [--threads N]

Each way trains 100 relu units on 50 windows of 20 steps of one value, forward, backward and Adam, in turn; the model
and the windows are those of examples/time_series.py. The middle way tells what the loop costs and what the dense layer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import torch
from torch import Tensor

import unrolled
from unrolled import cells
from unrolled.bench.measure import medians
from unrolled.nn import Projection


def compiled(model: Projection, inputs: Tensor) -> Tensor:
    return unrolled.unroll(model, inputs)[0]


def loop_then_dense(model: Projection, inputs: Tensor) -> Tensor:
    outputs, state = [], None
    for value in inputs.unbind(1):
        output, state = model.core(value, state)
        outputs.append(output)
    return model.linear(torch.stack(outputs, 1))


def dense_in_loop(model: Projection, inputs: Tensor) -> Tensor:
    outputs, state = [], None
    for value in inputs.unbind(1):
        output, state = model(value, state)
        outputs.append(output)
    return torch.stack(outputs, 1)


def step(form: Callable[[Projection, Tensor], Tensor]) -> Callable[[], None]:
    """One iteration of training."""
    model = Projection(cells.RNN(1, 100, nonlinearity="relu"), 1)
    optimizer = torch.optim.Adam(model.parameters(), 0.001)
    values = torch.randn(50, 21, 1)

    def iteration() -> None:
        optimizer.zero_grad()
        (form(model, values[:, :-1]) - values[:, 1:]).square().sum().backward()
        optimizer.step()

    return iteration


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    ways = {
        "dense layer on all steps, compiled loop": step(compiled),
        "dense layer on all steps, loop in Python": step(loop_then_dense),
        "dense layer at every step, loop in Python": step(dense_in_loop),
    }
    times = medians(ways, seconds=60, most=400)
    first = next(iter(times.values()))
    for name, seconds in times.items():
        print(f"{name:<42} {1e3 * seconds:6.2f} ms an iteration, {seconds / first:5.2f} times the first")


if __name__ == "__main__":
    main()
