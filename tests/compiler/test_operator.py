"""The operator keeps torch's rules for operators, is exported, and works in forked and spawned processes."""

from __future__ import annotations

import multiprocessing
from multiprocessing.queues import SimpleQueue
from typing import Any

import pytest
import torch
from torch import Tensor

import unrolled
from unrolled import cells, nn
from unrolled.compiler.executable import Precision
from unrolled.compiler.plan import plan_of
from unrolled.compiler.text import to_text
from unrolled.compiler.trace import trace

NAMES = ["lstm", "gru-reset-before", "projected-lstm", "min-gru"]
LENGTHS = torch.tensor([5, 0, 3])
TESTS = ["test_schema", "test_autograd_registration", "test_faketensor"]


def arguments(name: str, *, grad: bool, lengths: Tensor | None) -> tuple[Any, ...]:
    torch.manual_seed(0)
    cell = cells.make(name, 3, 7)
    program = to_text(trace(cell))
    plan = plan_of(program, Precision.SINGLE)
    own = dict(cell.named_parameters())
    inputs = torch.randn(5, 3, 3)
    arriving = (inputs if plan.folded else cell.project_inputs(inputs)).detach().requires_grad_(grad)
    states = [state.requires_grad_(grad) for state in cell.initial_state(3)]
    parameters = [own[key].detach().clone().requires_grad_(grad) for key in plan.parameters]
    width = plan.differentiated.forward.pitches["saved"]
    return program, "single", arriving, lengths, states, parameters, False, width, grad


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_opcheck(name: str, grad: bool, lengths: Tensor | None) -> None:
    # What is kept for the backward pass has gaps that nobody writes, so only without it are all outputs the same.
    tests = TESTS if grad else [*TESTS, "test_aot_dispatch_static"]
    operator = torch.ops.unrolled.unroll.default
    found = torch.library.opcheck(operator, arguments(name, grad=grad, lengths=lengths), test_utils=tests)
    assert set(found.values()) == {"SUCCESS"}


@pytest.mark.parametrize("name", NAMES)
def test_exported(name: str) -> None:
    layer = nn.Recurrent(cells.make(name, 3, 7)).eval()
    x = torch.randn(3, 5, 3)
    with torch.no_grad():
        exported = torch.export.export(layer, (x, LENGTHS))
        found, expected = exported.module()(x, LENGTHS), layer(x, LENGTHS)
    torch.testing.assert_close(found[0], expected[0])


def work(queue: SimpleQueue[list[float]], cell: Any, x: Tensor) -> None:
    torch.set_num_threads(1)
    outputs, _ = unrolled.unroll(cell, x, LENGTHS, backend="cpu")
    outputs.sum().backward()
    queue.put([float(outputs.detach().sum()), float(x.grad.sum())])


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_in_another_process(method: str) -> None:
    context = multiprocessing.get_context(method)
    cell, x = cells.LSTM(3, 7), torch.randn(3, 5, 3, requires_grad=True)
    queue: Any = context.SimpleQueue()
    process = context.Process(target=work, args=(queue, cell, x))
    process.start()
    found = queue.get()
    process.join()
    assert process.exitcode == 0
    own: Any = context.SimpleQueue()
    x.grad = None
    work(own, cell, x)
    assert found == own.get()
